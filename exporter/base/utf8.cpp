// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

namespace kernel_exporter {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// Bytes of the code point at the beginning of the text, 0 if it does not begin with a valid one.
// The second byte's range rules out overlong forms, surrogates and what lies beyond U+10FFFF
// (Unicode, table 3-7).
size_t valid_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  const unsigned char lowest = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned char highest = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < lowest || byte(1) > highest) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (!is_continuation(byte(i))) return 0;
  }
  return length;
}

}  // namespace

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = valid_length(text);
    out += length == 0 ? kReplacement : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string printable(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::string valid = to_valid_utf8(text);
  const auto byte_at = [&](size_t i) { return static_cast<unsigned char>(valid[i]); };
  std::string line;
  for (size_t i = 0; i < valid.size(); ++i) {
    // The control characters U+0080 to U+009F have two bytes.
    const bool is_c1 = byte_at(i) == 0xC2 && byte_at(i + 1) < 0xA0;
    if (is_c1) ++i;
    const unsigned char byte = byte_at(i);
    if (byte == '\n') {
      line += "\\n";
    } else if (byte < 0x20 || byte == 0x7F || is_c1) {
      line += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      line += valid[i];
    }
  }
  return line;
}

}  // namespace kernel_exporter

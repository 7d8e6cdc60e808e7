// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostics.h"

#include "base/utf8.h"

namespace kernel_exporter {
namespace {

// A name in a rule file may hold anything; a message is one line of printable text all the same.
std::string printable(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string line;
  for (const char c : to_valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      line += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      line += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      line += c;
    }
  }
  return line;
}

}  // namespace

std::string Position::text() const { return line > 0 ? file + ":" + std::to_string(line) : file; }

void Diagnostics::add(const Position& position, std::string_view message) {
  messages_.push_back(printable(position.text() + ": " + std::string(message)));
}

void Diagnostics::append(const Diagnostics& other) {
  messages_.insert(messages_.end(), other.messages_.begin(), other.messages_.end());
}

}  // namespace kernel_exporter

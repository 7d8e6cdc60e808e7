// SPDX-License-Identifier: Apache-2.0
// uint, int, hex, hex_to_int.
#include "labels/steps.h"

namespace kernel_exporter {
namespace {

using Key = std::span<const std::byte>;

}  // namespace

MadeDecoder make_uint(const Arguments&, const DecoderContext&) {
  return make_step([](Value& value, Key) {
    if (const std::optional<uint64_t> number = unsigned_of(value)) {
      value.text = std::to_string(*number);
      value.number = static_cast<int64_t>(*number);
    }
  });
}

MadeDecoder make_int(const Arguments&, const DecoderContext&) {
  return make_step([](Value& value, Key) {
    if (const std::optional<int64_t> number = signed_of(value)) {
      value.text = std::to_string(*number);
      value.number = *number;
    }
  });
}

MadeDecoder make_hex(const Arguments&, const DecoderContext&) {
  return make_step([](Value& value, Key) {
    if (const std::optional<uint64_t> number = unsigned_of(value)) {
      set_text(value, hexadecimal(*number));
    }
  });
}

MadeDecoder make_hex_to_int(const Arguments&, const DecoderContext&) {
  return make_step([](Value& value, Key) {
    if (value.number) return;
    if (const std::optional<uint64_t> number = parse_hexadecimal(value.text)) {
      value.text = std::to_string(*number);
      value.number = static_cast<int64_t>(*number);
    }
  });
}

}  // namespace kernel_exporter

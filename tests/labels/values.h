// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <string>
#include <type_traits>

#include "labels/decoder.h"

namespace kernel_exporter {

// The value of an integer field, as the plan hands it to the first decoder.
template <typename Integer>
Value integer_value(Integer number) {
  Value value;
  value.text = std::to_string(number);
  value.number = static_cast<int64_t>(number);
  value.bytes.assign(reinterpret_cast<const char*>(&number), sizeof number);
  return value;
}

// The value of a field char[size].
inline Value text_value(std::string bytes, size_t size = 16) {
  bytes.resize(size);
  Value value;
  value.text = bytes.substr(0, bytes.find('\0'));
  value.bytes = std::move(bytes);
  return value;
}

// The value of a field without a text of its own, such as __u8[16].
inline Value bytes_value(std::string bytes) {
  Value value;
  value.bytes = std::move(bytes);
  return value;
}

inline Result<std::unique_ptr<Decoder>> make(const std::string& step,
                                             const DecoderContext& context = {}) {
  return make_decoder(YAML::Load(step), context);
}

}  // namespace kernel_exporter

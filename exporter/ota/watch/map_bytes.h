// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace kernel_exporter {

// Keys and values of BPF maps as the structures that bpf/*.h share with the programs.
template <typename T>
std::span<const std::byte> bytes_of(const T& object) {
  return std::as_bytes(std::span(&object, 1));
}

template <typename T>
T read_as(std::span<const std::byte> bytes) {
  T object{};
  std::memcpy(&object, bytes.data(), std::min(sizeof object, bytes.size()));
  return object;
}

}  // namespace kernel_exporter

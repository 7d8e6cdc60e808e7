// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace kernel_exporter {

// A file of bytes; a failure of the test when there is none.
inline std::vector<std::byte> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

// fixtures/NAME.bpf.c, compiled.
inline std::string fixture_path(const std::string& name) {
  return std::string(PROBE_FIXTURES) + "/" + name + ".bpf.o";
}
inline std::vector<std::byte> fixture(const std::string& name) {
  return read_bytes(fixture_path(name));
}

}  // namespace kernel_exporter

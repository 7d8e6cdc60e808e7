// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

using namespace std::string_literals;

std::string logged(const std::string& message) {
  testing::internal::CaptureStderr();
  EXPECT_TRUE(start_logging("info"));
  spdlog::warn("{}", message);
  return testing::internal::GetCapturedStderr();
}

TEST(Log, APlainMessageStaysAsItIs) {
  EXPECT_EQ(logged("softirq: 3 events lost, \xc3\xa9"),
            "warning: softirq: 3 events lost, \xc3\xa9\n");
}

TEST(Log, WhatAMessageNamesCannotForgeALine) {
  struct Row {
    std::string message;
    const char* line;
  };
  const Row rows[] = {
      {"sh\ninfo: ota transaction=1", "warning: sh\\ninfo: ota transaction=1\n"},
      {"a\r\nb\tc", "warning: a\\x0d\\nb\\x09c\n"},
      {"\x1b[2J\x7f", "warning: \\x1b[2J\\x7f\n"},
      {"\xc2\x9b"s + "31m", "warning: \\x9b31m\n"},
      {"a\0b"s, "warning: a\\x00b\n"},
      {"\xff", "warning: \xef\xbf\xbd\n"},
  };
  for (const auto& row : rows) EXPECT_EQ(logged(row.message), row.line);
}

}  // namespace
}  // namespace kernel_exporter

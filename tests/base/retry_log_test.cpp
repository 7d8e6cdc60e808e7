// SPDX-License-Identifier: Apache-2.0
#include "base/retry_log.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

TEST(RetryLog, LogsEachReasonOnceUntilItWorksAgain) {
  RetryLog log("a bus");
  EXPECT_FALSE(log.worked()) << "it never failed";
  EXPECT_TRUE(log.failed("refused"));
  EXPECT_FALSE(log.failed("refused"));
  EXPECT_TRUE(log.failed("absent"));
  EXPECT_FALSE(log.failed("refused")) << "one that comes and goes is no news";
  EXPECT_TRUE(log.worked());
  EXPECT_FALSE(log.worked());
  EXPECT_TRUE(log.failed("refused"));
}

TEST(RetryLog, IsSilentAboutReasonsThatNeverEnd) {
  RetryLog log("a bus");
  size_t lines = 0;
  for (int i = 0; i < 1000; ++i) lines += log.failed(std::to_string(i));
  EXPECT_EQ(lines, 8u);
  EXPECT_TRUE(log.worked());
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

namespace kernel_exporter {

// Assertions that are counted, so that a table can show that every kernel was asked the same: the
// number in each test is its property `assertions` (CountAssertions in main.cpp). A test therefore
// makes as many on every kernel and sums up what a kernel may have more of.
//
// VERIFY_... goes on after a failure, REQUIRE_... leaves the function. Both take a message by <<.
bool count_assertion();  // always true
int assertions_made();
void forget_assertions();

// The shape that GoogleTest's own macros have, so that an if around one needs no braces.
#define COUNTED(assertion)                   \
  switch (0)                                 \
  case 0:                                    \
  default:                                   \
    if (!kernel_exporter::count_assertion()) \
      ;                                      \
    else                                     \
      assertion

#define VERIFY_TRUE(condition) COUNTED(EXPECT_TRUE(condition))
#define VERIFY_FALSE(condition) COUNTED(EXPECT_FALSE(condition))
#define VERIFY_EQ(left, right) COUNTED(EXPECT_EQ(left, right))
#define VERIFY_NE(left, right) COUNTED(EXPECT_NE(left, right))
#define VERIFY_LE(left, right) COUNTED(EXPECT_LE(left, right))
#define VERIFY_LT(left, right) COUNTED(EXPECT_LT(left, right))
#define VERIFY_GE(left, right) COUNTED(EXPECT_GE(left, right))
#define VERIFY_GT(left, right) COUNTED(EXPECT_GT(left, right))
#define VERIFY_NEAR(left, right, error) COUNTED(EXPECT_NEAR(left, right, error))
#define REQUIRE_TRUE(condition) COUNTED(ASSERT_TRUE(condition))
#define REQUIRE_EQ(left, right) COUNTED(ASSERT_EQ(left, right))

// Ends a test as not run where the kernel lacks what the test needs. tests/guest/needs.txt declares
// which kernels may lack it; on any other kernel the skipped test counts as failed.
#define NEEDS(is_there, need) \
  if (!(is_there)) GTEST_SKIP() << "needs " << (need)

}  // namespace kernel_exporter

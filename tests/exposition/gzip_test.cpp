// SPDX-License-Identifier: Apache-2.0
#include "exposition/gzip.h"

#include <gtest/gtest.h>

#include "gunzip.h"

namespace kernel_exporter {
namespace {

TEST(Gzip, RoundTripsAndShrinks) {
  std::string exposition;
  for (int i = 0; i < 5000; ++i) {
    exposition += "kernel_blockio_errors_total{device=\"sd" + std::to_string(i) + "\"} 0\n";
  }
  const auto packed = gzip(exposition);
  ASSERT_TRUE(packed);
  EXPECT_LT(packed->size(), exposition.size() / 4);
  EXPECT_EQ(gunzip(*packed), exposition);
}

TEST(Gzip, PacksNothing) {
  const auto packed = gzip("");
  ASSERT_TRUE(packed);
  EXPECT_EQ(packed->substr(0, 2), "\x1f\x8b");
  EXPECT_EQ(gunzip(*packed), "");
}

TEST(Gzip, NegativeControlTruncationIsSeen) {
  const auto packed = gzip("some text that is long enough");
  ASSERT_TRUE(packed);
  EXPECT_EQ(gunzip(packed->substr(0, packed->size() - 1)), "");
}

}  // namespace
}  // namespace kernel_exporter

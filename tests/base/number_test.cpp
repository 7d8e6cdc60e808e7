// SPDX-License-Identifier: Apache-2.0
#include "base/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

namespace kernel_exporter {
namespace {

using Limits = std::numeric_limits<double>;

struct Row {
  double number;
  const char* text;
};

template <typename Number>
std::string number_text(Number number) {
  std::string out = "x ";
  append_number(out, number);
  return out.substr(2);
}

TEST(AppendNumber, WritesShortestFormOfDoubles) {
  const Row rows[] = {
      {0, "0"},
      {-0.0, "-0"},
      {1, "1"},
      {-17, "-17"},
      {100000, "100000"},
      {999999999999999, "999999999999999"},
      {1e15, "1e+15"},
      {0.1 + 0.2, "0.30000000000000004"},
      {0.3, "0.3"},
      {1e-9, "1e-09"},
      {1.5, "1.5"},
      {Limits::max(), "1.7976931348623157e+308"},
      {Limits::denorm_min(), "5e-324"},
      {-2.2250738585072014e-308, "-2.2250738585072014e-308"},
      {Limits::infinity(), "+Inf"},
      {-Limits::infinity(), "-Inf"},
      {Limits::quiet_NaN(), "NaN"},
  };
  for (const auto& row : rows) EXPECT_EQ(number_text(row.number), row.text);
}

TEST(AppendNumber, ReadsBackAsTheSameDouble) {
  double number = 1.0 / 3;
  for (int i = 0; i < 600; ++i, number *= i % 2 == 0 ? -10.7 : 0.031) {
    EXPECT_EQ(std::strtod(number_text(number).c_str(), nullptr), number);
  }
}

TEST(AppendNumber, KeepsEveryDigitOfLargeIntegers) {
  EXPECT_EQ(number_text(uint64_t{0}), "0");
  EXPECT_EQ(number_text(uint64_t{9007199254740993}), "9007199254740993");  // not a double
  EXPECT_EQ(number_text(std::numeric_limits<uint64_t>::max()), "18446744073709551615");
}

// What Python's repr() prints for the same numbers.
TEST(CanonicalBound, HasOneFormWithFractionOrExponent) {
  const Row rows[] = {
      {0, "0.0"},
      {1, "1.0"},
      {-1, "-1.0"},
      {2.5, "2.5"},
      {0.001, "0.001"},
      {0.0001, "0.0001"},
      {0.00012, "0.00012"},
      {0.00001, "1e-05"},
      {0.000015, "1.5e-05"},
      {9.5367431640625e-07, "9.5367431640625e-07"},
      {123456789, "123456789.0"},
      {1e15, "1000000000000000.0"},
      {9007199254740992, "9007199254740992.0"},
      {1e16, "1e+16"},
      {1.5e300, "1.5e+300"},
      {Limits::infinity(), "+Inf"},
      {-Limits::infinity(), "-Inf"},
  };
  for (const auto& row : rows) EXPECT_EQ(canonical_bound(row.number), row.text);
}

}  // namespace
}  // namespace kernel_exporter

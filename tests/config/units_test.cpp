// SPDX-License-Identifier: Apache-2.0
#include "config/units.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

TEST(FindUnit, KnowsBaseAndScale) {
  struct Row {
    const char* name;
    const char* base;
    double one;  // one of the map in base units
  };
  const Row rows[] = {
      {"nanoseconds", "seconds", 1e-9},
      {"microseconds", "seconds", 1e-6},
      {"milliseconds", "seconds", 1e-3},
      {"seconds", "seconds", 1},
      {"bytes", "bytes", 1},
      {"kibibytes", "bytes", 1024},
      {"sectors", "bytes", 512},
      {"percent", "ratio", 0.01},
      {"none", "", 1},
  };
  for (const Row& row : rows) {
    const auto unit = find_unit(row.name);
    ASSERT_TRUE(unit) << row.name;
    EXPECT_EQ(unit->base, row.base) << row.name;
    EXPECT_EQ(unit->to_base(1), row.one) << row.name;
  }
}

TEST(FindUnit, NamesTheKnownOnesForAnUnknownOne) {
  for (const char* name : {"", "ns", "second", "Bytes", "nanoseconds "}) {
    const auto unit = find_unit(name);
    ASSERT_FALSE(unit) << name;
    EXPECT_NE(unit.error().message.find("expected one of \"nanoseconds\""), std::string::npos);
  }
}

TEST(ParseQuantity, TakesWholeNumbersOfTheUnit) {
  struct Row {
    const char* text;
    const char* unit;
    uint64_t number;
  };
  const Row rows[] = {
      {"10us", "nanoseconds", 10'000},
      {"1.5ms", "nanoseconds", 1'500'000},
      {"0.1s", "nanoseconds", 100'000'000},
      {"0ns", "nanoseconds", 0},
      {"2m", "seconds", 120},
      {"1h", "milliseconds", 3'600'000},
      {"1.000000001s", "nanoseconds", 1'000'000'001},
      {"4KiB", "bytes", 4096},
      {"4096", "bytes", 4096},
      {"1KiB", "sectors", 2},
      {"0.5KiB", "sectors", 1},
      {"512B", "sectors", 1},
      {"3", "sectors", 3},
      {"2GiB", "kibibytes", 2u << 20},
      {"250", "none", 250},
      {"50", "percent", 50},
      {"9223372036854775807", "none", INT64_MAX},
      {"9007199254740993", "none", 9007199254740993},
  };
  for (const Row& row : rows) {
    const auto number = parse_quantity(row.text, *find_unit(row.unit));
    ASSERT_TRUE(number) << row.text << ": " << number.error().message;
    EXPECT_EQ(*number, row.number) << row.text << " " << row.unit;
  }
}

TEST(ParseQuantity, RefusesTheRestWithTheTextInTheMessage) {
  struct Row {
    const char* text;
    const char* unit;
    const char* message;
  };
  const Row rows[] = {
      {"", "nanoseconds", "not a quantity"},
      {"us", "nanoseconds", "not a quantity"},
      {"-1us", "nanoseconds", "not a quantity"},
      {"+1us", "nanoseconds", "not a quantity"},
      {"1.2.3us", "nanoseconds", "not a quantity"},
      {".", "none", "not a quantity"},
      {"10", "nanoseconds", "expected a time with"},
      {"10 us", "nanoseconds", "does not fit unit nanoseconds"},
      {"10KiB", "nanoseconds", "does not fit unit nanoseconds"},
      {"10us", "bytes", "does not fit unit bytes"},
      {"10us", "none", "expected a plain number"},
      {"1e3", "none", "does not fit"},
      {"0x10", "none", "does not fit"},
      {"0.5ns", "nanoseconds", "not a whole number of nanoseconds"},
      {"1.0000000005s", "nanoseconds", "not a whole number"},
      {"10000000000.5ns", "nanoseconds", "not a whole number"},
      {"1us", "milliseconds", "not a whole number"},
      {"1B", "sectors", "not a whole number"},
      {"9223372036854775808", "none", "too large"},
      {"99999999999999999999999999999999999999999999h", "nanoseconds", "too large"},
  };
  for (const Row& row : rows) {
    const auto number = parse_quantity(row.text, *find_unit(row.unit));
    ASSERT_FALSE(number) << row.text << " is " << *number;
    EXPECT_NE(number.error().message.find(row.message), std::string::npos)
        << number.error().message;
    EXPECT_NE(number.error().message.find(row.text), std::string::npos) << number.error().message;
  }
}

TEST(ParseBytes, TakesBinarySuffixes) {
  EXPECT_EQ(*parse_bytes("16MiB"), 16u << 20);
  EXPECT_EQ(*parse_bytes("4096"), 4096u);
  EXPECT_FALSE(parse_bytes("16MB"));
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "rules/buckets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

#include "bpf/histogram.h"

namespace kernel_exporter {
namespace {

BucketRule zones(std::vector<std::string> bounds) {
  BucketRule rule;
  rule.bounds = std::move(bounds);
  return rule;
}

BucketRule linear(std::string from, std::string width, uint64_t count) {
  BucketRule rule;
  rule.kind = BucketRule::Kind::kLinear;
  rule.from = std::move(from);
  rule.width = std::move(width);
  rule.count = count;
  return rule;
}

BucketRule exponential(std::string from, std::string to, uint64_t factor = 2) {
  BucketRule rule;
  rule.kind = BucketRule::Kind::kExponential;
  rule.from = std::move(from);
  rule.to = std::move(to);
  rule.factor = factor;
  return rule;
}

histogram_buckets config_of(const Buckets& buckets) {
  histogram_buckets config;
  EXPECT_EQ(buckets.config.size(), sizeof config);
  std::memcpy(&config, buckets.config.data(), sizeof config);
  return config;
}

// The slot of a value as the comments of bpf/histogram.h define it, without its arithmetic.
size_t slot_by_definition(const histogram_buckets& config, uint64_t value) {
  for (size_t slot = 0; slot < config.count; ++slot) {
    unsigned __int128 bound = 0;
    switch (config.kind) {
      case HISTOGRAM_ZONES:
        bound = config.bounds[slot];
        break;
      case HISTOGRAM_LINEAR:
        bound = config.from + static_cast<unsigned __int128>(slot) * config.width;
        break;
      case HISTOGRAM_EXPONENTIAL:
        bound = static_cast<unsigned __int128>(config.from) << (slot * config.shift);
        break;
    }
    if (value <= bound) return slot;
  }
  return config.count;
}

size_t slot_by_bounds(const std::vector<uint64_t>& bounds, uint64_t value) {
  return static_cast<size_t>(std::ranges::lower_bound(bounds, value) - bounds.begin());
}

TEST(MakeBuckets, TellsTheKernelExactlyTheBoundsItExports) {
  const Unit unit = *find_unit("nanoseconds");
  const BucketRule rules[] = {
      zones({"10us", "100us", "1ms"}), zones({"0ns", "1ns", "2.5h"}),  zones({}),
      linear("10us", "10us", 31),      linear("1ns", "3ns", 1),        exponential("1us", "16s"),
      exponential("3ns", "3s", 4),     exponential("1ns", "1s", 1024), exponential("1us", "1.1us")};
  std::mt19937_64 random(1);
  for (const BucketRule& rule : rules) {
    const auto buckets = make_buckets(rule, unit);
    ASSERT_TRUE(buckets) << buckets.error().message;
    const histogram_buckets config = config_of(*buckets);
    ASSERT_EQ(config.count, buckets->bounds.size());
    std::vector<uint64_t> values = {0, 1, UINT64_MAX};
    for (const uint64_t bound : buckets->bounds) {
      values.insert(values.end(), {bound, bound + 1, bound == 0 ? 0 : bound - 1});
    }
    for (int i = 0; i < 2000; ++i) values.push_back(random() >> (random() % 64));
    for (const uint64_t value : values) {
      ASSERT_EQ(slot_by_definition(config, value), slot_by_bounds(buckets->bounds, value)) << value;
    }
  }
}

TEST(MakeBuckets, ReachesTheEndOfAnExponentialRule) {
  const auto buckets = make_buckets(exponential("1us", "16s"), *find_unit("nanoseconds"));
  ASSERT_TRUE(buckets);
  EXPECT_EQ(buckets->bounds.front(), 1000u);
  EXPECT_GE(buckets->bounds.back(), 16'000'000'000u);
  EXPECT_LT(buckets->bounds[buckets->bounds.size() - 2], 16'000'000'000u);
}

TEST(MakeBuckets, RefusesWhatIsNoRow) {
  struct Row {
    BucketRule rule;
    const char* unit;
    const char* message;
  };
  const std::vector<std::string> many(HISTOGRAM_BOUNDS + 1, "1us");
  const Row rows[] = {
      {zones({"10us", "10us"}), "nanoseconds", "\"10us\" is not greater than the previous one"},
      {zones({"1ms", "10us"}), "nanoseconds", "\"10us\" is not greater than the previous one"},
      {zones({"10"}), "nanoseconds", "expected a time"},
      {zones({"10KiB"}), "nanoseconds", "does not fit unit"},
      {zones(many), "nanoseconds", "more than 31 bounds"},
      {zones({"9007199254740992", "9007199254740993"}), "bytes", "have the same"},
      {linear("0us", "1us", 3), "nanoseconds", "above 0"},
      {linear("1us", "0us", 3), "nanoseconds", "above 0"},
      {linear("1us", "1us", 0), "nanoseconds", "count of at least 1"},
      {linear("1us", "1us", 32), "nanoseconds", "more than 31 bounds"},
      {linear("1", "9000000000000000000", 31), "bytes", "too large"},
      {linear("", "1us", 3), "nanoseconds", "not a quantity"},
      {exponential("0us", "1s"), "nanoseconds", "above 0 and below to"},
      {exponential("1s", "1s"), "nanoseconds", "above 0 and below to"},
      {exponential("1ns", "16s"), "nanoseconds", "more than 31 bounds"},
      {exponential("1us", "1s", 3), "nanoseconds", "power of two"},
      {exponential("1us", "1s", 0), "nanoseconds", "power of two"},
      {exponential("1us", "1s", 2048), "nanoseconds", "power of two"},
      {exponential("1us", "1KiB"), "nanoseconds", "does not fit unit"},
      {exponential("9223372036854775806", "9223372036854775807", 4), "none", ""},
  };
  for (const Row& row : rows) {
    const auto buckets = make_buckets(row.rule, *find_unit(row.unit));
    ASSERT_FALSE(buckets) << row.message;
    EXPECT_NE(buckets.error().message.find(row.message), std::string::npos)
        << buckets.error().message;
  }
}

TEST(BucketLayout, IsInBaseUnitsAndSaysItsKind) {
  const Unit unit = *find_unit("nanoseconds");
  const auto buckets = make_buckets(zones({"10us", "1ms", "1s"}), unit);
  const BucketLayout layout = bucket_layout(*buckets, unit);
  EXPECT_EQ(layout.kind, BucketKind::kListed);
  EXPECT_EQ(layout.bounds, (std::vector<double>{1e-05, 0.001, 1.0}));
  const auto doubled = make_buckets(exponential("1us", "4us"), unit);
  EXPECT_EQ(bucket_layout(*doubled, unit).kind, BucketKind::kExponential);
  EXPECT_EQ(bucket_layout(*doubled, unit).bounds, (std::vector<double>{1e-06, 2e-06, 4e-06}));
}

TEST(NoBuckets, CountsEverythingInOneSlot) {
  histogram_buckets config;
  ASSERT_EQ(no_buckets().size(), sizeof config);
  std::memcpy(&config, no_buckets().data(), sizeof config);
  EXPECT_EQ(config.kind, static_cast<uint32_t>(HISTOGRAM_NONE));
  EXPECT_EQ(config.count, 0u);
}

}  // namespace
}  // namespace kernel_exporter

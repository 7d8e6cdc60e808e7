// SPDX-License-Identifier: Apache-2.0
#include "metrics/source_state.h"

#include <gtest/gtest.h>

#include <random>

#include "series.h"

namespace kernel_exporter {
namespace {

using Shown = std::map<std::string, uint64_t>;

TEST(SourceState, KeepsWhatAVanishedKeyHadCounted) {
  Series series;
  FakeMap map;
  map.set(1, 10);
  map.set(2, 20);
  series.scrape(map);
  map.entries.erase(1);
  map.set(2, 25);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"1", 10}, {"2", 25}}));
  map.set(1, 3);  // evicted, and back again from 0
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"1", 13}, {"2", 25}}));
  map.set(2, 4);  // deleted and made again between two scrapes
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"1", 13}, {"2", 29}}));
  EXPECT_EQ(series.state().keys(), 2u);
}

TEST(SourceState, SumsKeysThatNoLabelTellsApart) {
  Series series;
  series.decode([](uint32_t) { return "all"; }, true);
  FakeMap map;
  for (uint32_t key = 0; key < 10; ++key) map.set(key, 1000);
  series.scrape(map);
  map.entries.erase(3);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"all", 10000}}));
}

TEST(SourceState, CountsAKeyThatComesTwiceOnce) {
  Series series;
  FakeMap map;
  map.set(1, 10);
  Snapshot snapshot = map.snapshot();
  map.append(snapshot, 1, {11});
  series.scrape(snapshot);
  EXPECT_EQ(series.shown(), (Shown{{"1", 10}}));
}

TEST(SourceState, MovesAKeyToItsNewNameFromHereOn) {
  std::string name = "unknown";
  Series series;
  series.decode([&name](uint32_t) { return name; }, false);
  FakeMap map;
  map.set(1, 10);
  series.scrape(map);
  name = "eth0";
  map.set(1, 15);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"unknown", 10}, {"eth0", 5}}));
  name = "wan0";
  map.set(1, 4);  // renamed and restarted at once
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"unknown", 10}, {"eth0", 5}, {"wan0", 4}}));
}

TEST(SourceState, ASettledNameIsNotAskedForAgain) {
  int asked = 0;
  Series series;
  series.decode([&asked](uint32_t) { return std::to_string(++asked); }, true);
  FakeMap map;
  map.set(1, 10);
  for (int i = 0; i < 3; ++i) series.scrape(map);
  EXPECT_EQ(asked, 1);
  series.state().relabel();
  series.scrape(map);
  EXPECT_EQ(asked, 2);
}

class OnlyNamed : public Condition {
 public:
  bool matches(const ConditionEntry& entry) const override { return entry.labels[0] == "in"; }
};

TEST(SourceState, CountsForAConditionOnlyWhileItHolds) {
  std::string name = "in";
  Series series;
  series.decode([&name](uint32_t) { return name; }, false);
  series.rule().where = std::make_unique<OnlyNamed>();
  FakeMap map;
  map.set(1, 10);
  series.scrape(map);
  name = "out";
  map.set(1, 100);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"in", 10}}));
  name = "in";
  map.set(1, 105);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"in", 15}}));
}

TEST(SourceState, SumsCpusOrTellsThemApart) {
  FakeMap map(3);
  map.entries[7] = {1, 2, 4};
  Series sum;
  sum.scrape(map);
  EXPECT_EQ(sum.shown(), (Shown{{"7", 7}}));

  Series apart;
  apart.rule().labels[0].per_cpu = true;
  apart.rule().per_cpu_label = true;
  apart.scrape(map);
  EXPECT_EQ(apart.shown(), (Shown{{"0", 1}, {"1", 2}, {"2", 4}}));
  map.entries.clear();
  apart.scrape(map);
  EXPECT_EQ(apart.shown(), (Shown{{"0", 1}, {"1", 2}, {"2", 4}}));
}

TEST(SourceState, OtherHoldsOnlyKeysThatNeverHadASeries) {
  Series series(MetricType::kCounter, 2);
  FakeMap map;
  for (uint32_t key = 1; key <= 4; ++key) map.set(key, key * 10);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"1", 10}, {"2", 20}, {"other", 70}}));
  EXPECT_EQ(series.family().overflows(), 2u);
  map.entries.erase(1);
  map.entries.erase(4);
  map.set(5, 1);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"1", 10}, {"2", 20}, {"other", 71}}));
  map.set(1, 5);  // comes back to the series that it had
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"1", 15}, {"2", 20}, {"other", 71}}));
  EXPECT_EQ(series.family().overflows(), 3u);
}

TEST(SourceState, TheSeriesOfAKeyThatIsGoneMakesRoom) {
  Series series(MetricType::kCounter, 2);
  FakeMap map;
  for (uint32_t key = 1; key <= 3; ++key) map.set(key, uint64_t{key} * 10);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"1", 10}, {"2", 20}, {"other", 30}}));
  map.entries.erase(1);
  series.scrape(map);
  map.set(3, 35);
  series.scrape(map);
  // What key 3 counted in `other` stays there; what series 1 showed joins it.
  EXPECT_EQ(series.shown(), (Shown{{"2", 20}, {"3", 5}, {"other", 40}}));
  map.entries.erase(2);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"2", 20}, {"3", 5}, {"other", 40}})) << "nobody needs the room";
  map.set(4, 1);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"3", 5}, {"4", 1}, {"other", 60}}));
}

TEST(SourceState, ManyShortLivedKeysNeverKeepALivingOneFromItsSeries) {
  Series series(MetricType::kCounter, 4);
  FakeMap map;
  uint64_t counted = 0;
  for (uint32_t key = 1; key <= 1000; ++key) {
    map.entries.clear();
    map.set(key, 2);
    counted += 2;
    series.scrape(map);
    EXPECT_EQ(series.shown()[std::to_string(key)], 2u);
  }
  uint64_t total = 0;
  for (const auto& [name, value] : series.shown()) total += value;
  EXPECT_EQ(total, counted);
  EXPECT_EQ(series.family().overflows(), 0u);
}

TEST(SourceState, AForgottenKeyStartsAnew) {
  Series series;
  FakeMap map;
  map.set(1, 10);
  map.set(2, 1);
  series.scrape(map);
  const uint32_t key = 1;
  series.state().forget({reinterpret_cast<const char*>(&key), sizeof key}, series.family_plan(),
                        series.family());
  map.set(1, 12);  // removed, and counted 12 since
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"1", 22}, {"2", 1}}));
}

// What the host counts goes on while it is out of sight.
TEST(SourceState, AHostsKeyThatReturnsTakesBackWhatItHadCounted) {
  for (const bool of_host : {true, false}) {
    Series series;
    if (of_host) series.rule().source = "netlink";
    FakeMap map;
    map.set(1, 100);
    series.scrape(map);
    for (const uint64_t now : {100u, 130u, 20u}) {
      map.entries.clear();
      series.scrape(map);
      map.set(1, now);
      series.scrape(map);
    }
    // A map of BPF starts a key at 0, so that all of it is new. A host's that is lower was reset.
    EXPECT_EQ(series.shown(), (Shown{{"1", of_host ? 150 : 350}}));
  }
}

TEST(SourceState, AHostsKeyThatReturnsUnderAnotherNameCountsOnFromHere) {
  std::string name = "eth0";
  Series series;
  series.rule().source = "netlink";
  series.decode([&name](uint32_t) { return name; }, false);
  FakeMap map;
  map.set(1, 100);
  series.scrape(map);
  map.entries.clear();
  series.scrape(map);
  name = "wan0";
  map.set(1, 107);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"eth0", 100}, {"wan0", 7}}));
}

// The part of a key behind its identity is a name that may change.
TEST(SourceState, ANameInTheKeyIsNoPartOfItsIdentity) {
  Series series;
  FakeMap map;
  map.set(1, 100);
  map.set(2, 100);
  Snapshot snapshot = map.snapshot();
  const auto rename = [&snapshot](unsigned char to) { snapshot.keys[3] = std::byte{to}; };
  snapshot.identity_size = 3;  // of the 4 bytes that are the label
  snapshot.entries = 1;
  series.scrape(snapshot);
  EXPECT_EQ(series.shown(), (Shown{{"1", 100}}));
  rename(1);
  series.scrape(snapshot);
  EXPECT_EQ(series.shown(), (Shown{{"1", 100}, {"16777217", 0}}));
  rename(0);
  series.scrape(snapshot);
  EXPECT_EQ(series.shown(), (Shown{{"1", 100}, {"16777217", 0}}));
}

TEST(SourceState, ARenamedKeyKeepsItsSeriesWhenThereIsNoRoom) {
  std::map<uint32_t, std::string> names = {{1, "a"}, {2, "b"}};
  Series series(MetricType::kCounter, 2);
  series.decode([&names](uint32_t key) { return names[key]; }, false);
  FakeMap map;
  map.set(1, 10);
  map.set(2, 20);
  series.scrape(map);
  names[1] = "c";
  map.set(1, 12);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"a", 12}, {"b", 20}}));
}

TEST(SourceState, GaugesGoDownAndVanishWithTheirKey) {
  Series series(MetricType::kGauge, 2);
  FakeMap map;
  map.set(1, 10);
  map.set(2, 20);
  map.set(3, 30);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"1", 10}, {"2", 20}, {"other", 30}}));
  map.set(1, 4);
  map.entries.erase(2);
  map.entries.erase(3);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"1", 4}}));
  map.set(9, 9);
  series.scrape(map);
  EXPECT_EQ(series.shown(), (Shown{{"1", 4}, {"9", 9}}));
}

TEST(SourceState, HistogramsAndSummariesRestartAsAWhole) {
  Series histogram;
  histogram.make_distribution(MetricType::kHistogram, 2);
  FakeMap map(1, 8, 3);
  map.entries[1] = {10, 5, 1000};
  histogram.scrape(map);
  map.entries[1] = {0, 20, 900};  // a 64-bit count that fell was made anew
  histogram.scrape(map);
  using All = std::map<std::string, std::vector<uint64_t>>;
  EXPECT_EQ(histogram.all(), (All{{"1", {10, 25, 1900}}}));

  Series summary;
  summary.make_distribution(MetricType::kSummary, 1);
  FakeMap pair(1, 8, 2);
  pair.entries[1] = {3, 300};
  summary.scrape(pair);
  pair.entries[1] = {1, 400};
  summary.scrape(pair);
  EXPECT_EQ(summary.all(), (All{{"1", {4, 700}}}));
}

TEST(SourceState, ANarrowCounterThatWrapsNeverGoesBackwards) {
  Series series(MetricType::kCounter, 10, 4);
  FakeMap map(1, 4);
  map.set(1, UINT32_MAX);
  series.scrape(map);
  map.set(1, 5);
  series.scrape(map);
  EXPECT_EQ(series.shown()["1"], UINT32_MAX + uint64_t{5});

  Series histogram;
  histogram.make_distribution(MetricType::kHistogram, 2, 4);
  FakeMap slots(1, 4, 3);
  slots.entries[1] = {5, 5, 4000000000};
  histogram.scrape(slots);
  slots.entries[1] = {6, 6, 100};  // the sum alone wrapped
  histogram.scrape(slots);
  EXPECT_EQ(histogram.all()["1"], (std::vector<uint64_t>{6, 6, 4000000100}));
}

TEST(SourceState, GivesUpEveryKeyWithoutLosingACount) {
  Series series;
  FakeMap map;
  map.set(1, 10);
  series.scrape(map);
  series.family().start_scrape();
  series.state().retire_all(series.family_plan(), series.family());
  EXPECT_EQ(series.shown(), (Shown{{"1", 10}}));
  EXPECT_EQ(series.state().keys(), 0u);
}

// Keys come, count, go, restart and change their names at random; every event that a scrape has
// seen stays counted exactly once, in the series that the key had then.
void random_steps(uint64_t series_limit) {
  constexpr uint32_t kNames = 20;
  const bool room_for_all = series_limit >= kNames;
  std::mt19937 random(20);
  const auto below = [&random](uint32_t limit) { return random() % limit; };
  std::map<uint32_t, uint32_t> names;
  Series series(MetricType::kCounter, series_limit);
  series.decode([&names](uint32_t key) { return "n" + std::to_string(names[key]); }, false);
  FakeMap map;
  std::map<uint32_t, uint64_t> at_scrape;
  uint64_t seen = 0;  // events that some scrape saw
  Shown before;
  for (int step = 0; step < 100'000; ++step) {
    const uint32_t key = below(24);
    switch (below(8)) {
      case 0:
        map.entries.erase(key);
        break;
      case 1:
        names[key] = below(kNames);
        break;
      case 2:
        map.set(key, below(3));
        break;
      default:
        map.set(key, (map.entries.contains(key) ? map.entries[key][0] : 0) + below(5));
    }
    if (below(12) != 0) continue;
    series.scrape(map);
    uint64_t live = 0;
    for (const auto& [id, values] : map.entries) {
      // What a reader can know of a counter between two looks.
      const uint64_t last = at_scrape.contains(id) ? at_scrape[id] : 0;
      live += values[0] >= last ? values[0] - last : values[0];
    }
    seen += live;
    at_scrape.clear();
    for (const auto& [id, values] : map.entries) at_scrape[id] = values[0];
    const Shown now = series.shown();
    uint64_t total = 0;
    for (const auto& [name, value] : now) {
      total += value;
      ASSERT_TRUE(!room_for_all || value >= before[name]) << name << " at step " << step;
    }
    for (const auto& [name, value] : before) {
      ASSERT_TRUE(!room_for_all || now.contains(name) || value == 0) << name;
    }
    ASSERT_EQ(total, seen) << "at step " << step;
    ASSERT_LE(now.size(), series_limit + 1);
    before = now;
  }
}

TEST(SourceState, HoldsForAHundredThousandRandomSteps) { random_steps(20); }

// Series make room for others: the total is right all the same.
TEST(SourceState, HoldsForAHundredThousandRandomStepsWithoutRoom) { random_steps(12); }

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <unistd.h>

#include <atomic>
#include <numeric>
#include <thread>

#include "base/unique_fd.h"
#include "collected.h"
#include "probe/map_keys.h"

namespace kernel_exporter {
namespace {

constexpr char kRules[] =
    "probe: netdrop\n"
    "metrics:\n"
    "  - {name: drops_total, help: x, type: counter, map: netdrop, value: packets, series_limit: "
    "5000,\n"
    "     labels: {netns: {field: netns}, device: {field: ifindex}}}\n"
    "  - {name: all_drops_total, help: x, type: counter, map: netdrop, value: packets}\n"
    "  - {name: net_devices, help: x, type: gauge, source: netlink, value: rx_packets,\n"
    "     labels: {device: {field: ifname}}}\n";

struct Key {
  uint32_t netns;
  uint32_t ifindex;
  uint32_t reason;
};

// A map like netdrop's, made here, behind a collector.
class CollectorKernelTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kEntries = 4096;

  void SetUp() override {
    map_ = UniqueFd(
        bpf_map_create(BPF_MAP_TYPE_PERCPU_HASH, "collector", sizeof(Key), 32, kEntries, nullptr));
    ASSERT_TRUE(map_) << "this test needs root";
    collector_ = make_collector(compile(kRules));
  }

  std::unique_ptr<Collector> make_collector(Plan plan) {
    auto object = std::make_unique<FakeObject>(own_object());
    object_ = object.get();
    object_->fds["netdrop"] = map_.get();
    auto generation = std::make_shared<Generation>();
    generation->add({}, std::move(object));
    return std::make_unique<Collector>(std::move(plan), std::move(generation), test_host());
  }

  // `packets` of one CPU, 0 of the others.
  int put(const Key& key, uint64_t packets) {
    std::vector<uint64_t> values(4 * static_cast<size_t>(possible_cpus()));
    values[0] = packets;
    return bpf_map_update_elem(map_.get(), &key, values.data(), BPF_ANY);
  }

  CollectedSamples scrape() {
    CollectedSamples samples;
    result_ = collector_->scrape({}, soon(), samples);
    return samples;
  }

  UniqueFd map_;
  FakeObject* object_ = nullptr;
  std::unique_ptr<Collector> collector_;
  ScrapeResult result_;
};

TEST_F(CollectorKernelTest, ReadsEachMapOnceForAllOfItsRules) {
  put({1, 2, 3}, 10);
  put({1, 2, 4}, 5);
  auto samples = scrape();
  EXPECT_EQ(samples.values["drops_total{netns=\"1\",device=\"2\"}"], 15);
  EXPECT_EQ(samples.values["all_drops_total{}"], 15);
  EXPECT_EQ(samples.families["net_devices"], 1u);
  ASSERT_EQ(collector_->map_uses().size(), 1u);
  EXPECT_EQ(collector_->map_uses()[0].entries, 2u);
}

TEST_F(CollectorKernelTest, AMapThatVanishesTakesOnlyItsOwnFamiliesWithIt) {
  put({1, 2, 3}, 10);
  EXPECT_EQ(scrape().families.size(), 3u);
  const UniqueFd copy(dup(map_.get()));
  map_ = UniqueFd();  // the reader's descriptor leads nowhere now
  const auto broken = scrape();
  EXPECT_EQ(broken.families.size(), 1u);
  EXPECT_TRUE(broken.families.contains("net_devices"));
  ASSERT_EQ(result_.errors.size(), 1u);
  EXPECT_EQ(result_.errors[0].probe, "netdrop");
  EXPECT_NE(result_.errors[0].message.find("map netdrop"), std::string::npos);
  EXPECT_TRUE(result_.complete);
}

TEST_F(CollectorKernelTest, AMapThatWasNotMadeIsNoError) {
  object_->fds.clear();
  const auto samples = scrape();
  EXPECT_EQ(samples.families.size(), 1u);
  EXPECT_TRUE(result_.errors.empty());
}

TEST_F(CollectorKernelTest, APassedDeadlineGivesAPartialScrapeAndNoError) {
  CollectedSamples samples;
  result_ =
      collector_->scrape({}, std::chrono::steady_clock::now() - std::chrono::seconds(1), samples);
  EXPECT_FALSE(result_.complete);
  EXPECT_TRUE(result_.errors.empty());
  EXPECT_TRUE(samples.families.empty());
}

TEST_F(CollectorKernelTest, AReloadGoesOnWhereTheSeriesStood) {
  const Key key = {1, 2, 3};
  put(key, 10);
  scrape();
  bpf_map_delete_elem(map_.get(), &key);
  EXPECT_EQ(scrape().values["all_drops_total{}"], 10);
  std::string rules = kRules;
  const std::string labels = "netns: {field: netns}, device: {field: ifindex}";
  rules.replace(rules.find(labels), labels.size(),
                "device: {field: ifindex}, netns: {field: netns}");
  ASSERT_TRUE(collector_->reload(compile(rules)));
  put(key, 1);
  auto samples = scrape();
  EXPECT_EQ(samples.values["all_drops_total{}"], 11);
  EXPECT_EQ(samples.values["drops_total{netns=\"1\",device=\"2\"}"], 11);
  // A rule that is gone takes its family with it.
  rules = std::string(kRules).substr(0, std::string(kRules).find("  - {name: all"));
  ASSERT_TRUE(collector_->reload(compile(rules)));
  samples = scrape();
  EXPECT_FALSE(samples.families.contains("all_drops_total"));
  EXPECT_EQ(samples.values["drops_total{netns=\"1\",device=\"2\"}"], 11);
}

TEST_F(CollectorKernelTest, AReloadThatNeedsOtherProgramsIsRefused) {
  put({1, 2, 3}, 10);
  const auto refused =
      collector_->reload(compile("max_entries: {netdrop: 9}\n" + std::string(kRules)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "the rules require changes to loaded programs (size of map netdrop): restart the "
            "exporter to apply them");
  EXPECT_EQ(scrape().values["all_drops_total{}"], 10);
}

// Keys come and go as fast as a thread can while we scrape: none is doubled, no family is lost, and
// no counter goes backwards.
TEST_F(CollectorKernelTest, HoldsUnderChurn) {
  constexpr uint32_t kStable = 500;
  for (uint32_t i = 0; i < kStable; ++i) ASSERT_EQ(put({1, i, 0}, i + 1), 0);
  std::atomic<uint64_t> changes = 0;
  std::jthread churn([&](std::stop_token stop) {
    constexpr uint32_t kTogether = 64;
    std::vector<Key> keys(kTogether);
    std::vector<uint64_t> values(kTogether * 2 * static_cast<size_t>(possible_cpus()), 7);
    for (uint32_t first = 0; !stop.stop_requested(); first = (first + kTogether) % 3072) {
      for (uint32_t i = 0; i < kTogether; ++i) keys[i] = {2, first + i, 0};
      uint32_t count = kTogether;
      bpf_map_update_batch(map_.get(), keys.data(), values.data(), &count, nullptr);
      changes += count;
      for (Key& key : keys) key.ifindex = (key.ifindex + 1536) % 3072;
      for (const Key& key : keys) changes += bpf_map_delete_elem(map_.get(), &key) == 0;
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  std::map<std::string, double> before;
  int scrapes = 0;
  // Five seconds of 100,000 changes each, however long a busy machine takes to bring them about.
  while (changes < 500'000 && std::chrono::steady_clock::now() < begin + std::chrono::seconds(50)) {
    const auto samples = scrape();
    ++scrapes;
    ASSERT_TRUE(result_.errors.empty()) << result_.errors[0].message;
    ASSERT_EQ(samples.families.size(), 3u);
    for (uint32_t i = 0; i < kStable; ++i) {
      const auto value =
          samples.values.find("drops_total{netns=\"1\",device=\"" + std::to_string(i) + "\"}");
      ASSERT_NE(value, samples.values.end());
      ASSERT_EQ(value->second, i + 1);
    }
    for (const auto& [series, value] : before) {
      if (series.starts_with("net_devices")) continue;
      ASSERT_GE(samples.values.at(series), value) << series;
    }
    before = samples.values;
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  EXPECT_GT(scrapes, 5);
  EXPECT_GE(changes, 500'000u);
  RecordProperty("changes_per_second",
                 std::to_string(static_cast<double>(changes) / elapsed.count()));
}

TEST_F(CollectorKernelTest, ReadsAFullMap) {
  uint32_t added = 0;
  while (added < 2 * kEntries && put({1, added, 0}, 1) == 0) ++added;
  EXPECT_EQ(added, kEntries) << "the control: the map did fill up";
  EXPECT_EQ(scrape().values["all_drops_total{}"], kEntries);
  EXPECT_EQ(collector_->map_uses()[0].entries, collector_->map_uses()[0].max_entries);
}

// As when programs are switched: both generations are loaded, each with a collector.
TEST_F(CollectorKernelTest, EachReadsTheMapsOfItsOwnGeneration) {
  put({1, 2, 3}, 10);
  const UniqueFd old_map =
      std::exchange(map_, UniqueFd(bpf_map_create(BPF_MAP_TYPE_PERCPU_HASH, "collector",
                                                  sizeof(Key), 16, kEntries, nullptr)));
  ASSERT_TRUE(map_);
  const auto old_collector = std::exchange(collector_, make_collector(compile(kRules)));
  put({1, 2, 3}, 7);
  CollectedSamples old_samples;
  EXPECT_TRUE(old_collector->scrape({}, soon(), old_samples).complete);
  EXPECT_EQ(old_samples.values["all_drops_total{}"], 10);
  EXPECT_EQ(scrape().values["all_drops_total{}"], 7);
}

}  // namespace
}  // namespace kernel_exporter

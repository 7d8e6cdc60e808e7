// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <map>
#include <numeric>
#include <thread>

#include "base/unique_fd.h"
#include "probe/snapshot.h"

namespace kernel_exporter {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

steady_clock::time_point soon() { return steady_clock::now() + seconds(20); }

uint64_t value_of(uint32_t key, uint32_t cpu) { return key * uint64_t{1000} + cpu + 1; }

struct Kind {
  bpf_map_type type;
  bool per_cpu;
  bool array;
};

constexpr Kind kKinds[] = {
    {BPF_MAP_TYPE_ARRAY, false, true},       {BPF_MAP_TYPE_HASH, false, false},
    {BPF_MAP_TYPE_LRU_HASH, false, false},   {BPF_MAP_TYPE_PERCPU_ARRAY, true, true},
    {BPF_MAP_TYPE_PERCPU_HASH, true, false}, {BPF_MAP_TYPE_LRU_PERCPU_HASH, true, false},
};

uint32_t cpus_of(const Kind& kind) {
  return kind.per_cpu ? static_cast<uint32_t>(libbpf_num_possible_cpus()) : 1;
}

UniqueFd create_map(bpf_map_type type, uint32_t value_size, uint32_t max_entries) {
  const int fd = bpf_map_create(type, "snapshot_test", 4, value_size, max_entries, nullptr);
  EXPECT_GE(fd, 0) << "this test needs root: " << strerror(-fd);
  return UniqueFd(fd);
}

// Sets entry `key` to value_of(key, cpu) in each CPU.
void put(int fd, uint32_t key, uint32_t cpus) {
  std::vector<uint64_t> values;
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) values.push_back(value_of(key, cpu));
  ASSERT_EQ(bpf_map_update_elem(fd, &key, values.data(), BPF_ANY), 0) << key;
}

uint32_t key_at(const Snapshot& snapshot, size_t entry) {
  uint32_t key;
  std::memcpy(&key, snapshot.key(entry).data(), sizeof key);
  return key;
}

uint64_t value_at(const Snapshot& snapshot, size_t entry, uint32_t cpu) {
  uint64_t value;
  std::memcpy(&value, snapshot.value(entry, cpu).data(), sizeof value);
  return value;
}

// Entries by key; a key that comes twice fails the test.
std::map<uint32_t, std::vector<uint64_t>> content(const Snapshot& snapshot) {
  std::map<uint32_t, std::vector<uint64_t>> entries;
  for (size_t i = 0; i < snapshot.entries; ++i) {
    std::vector<uint64_t> values;
    for (uint32_t cpu = 0; cpu < snapshot.cpus; ++cpu) values.push_back(value_at(snapshot, i, cpu));
    EXPECT_TRUE(entries.emplace(key_at(snapshot, i), values).second)
        << "key " << key_at(snapshot, i) << " comes twice";
  }
  return entries;
}

class SnapshotKernelTest : public ::testing::TestWithParam<Kind> {};

TEST_P(SnapshotKernelTest, BothMethodsReadTheSameEntries) {
  const Kind kind = GetParam();
  const uint32_t cpus = cpus_of(kind);
  const UniqueFd fd = create_map(kind.type, 8, 1000);
  const uint32_t filled = kind.array ? 1000 : 400;
  for (uint32_t key = 0; key < filled; ++key) put(fd.get(), key, cpus);
  for (const ReadMethod method : {ReadMethod::kBatchFirst, ReadMethod::kByKey}) {
    auto reader = MapReader::create(fd.get(), "entries", method);
    ASSERT_TRUE(reader) << reader.error().message;
    Snapshot snapshot;
    for (int round = 0; round < 2; ++round) {
      const Result<void> read = reader->read(snapshot, soon());
      ASSERT_TRUE(read) << read.error().message;
      EXPECT_EQ(snapshot.cpus, cpus);
      const auto entries = content(snapshot);
      ASSERT_EQ(entries.size(), filled);
      for (const auto& [key, values] : entries) {
        for (uint32_t cpu = 0; cpu < cpus; ++cpu) EXPECT_EQ(values[cpu], value_of(key, cpu));
      }
    }
    if (method == ReadMethod::kByKey) {
      EXPECT_GE(reader->calls(), static_cast<int>(filled));
    }
  }
}

TEST_P(SnapshotKernelTest, ReadsAnEmptyMap) {
  const Kind kind = GetParam();
  const UniqueFd fd = create_map(kind.type, 8, 16);
  for (const ReadMethod method : {ReadMethod::kBatchFirst, ReadMethod::kByKey}) {
    auto reader = MapReader::create(fd.get(), "empty", method);
    ASSERT_TRUE(reader) << reader.error().message;
    Snapshot snapshot;
    ASSERT_TRUE(reader->read(snapshot, soon()));
    EXPECT_EQ(snapshot.entries, kind.array ? 16u : 0u);
    EXPECT_EQ(snapshot.keys.size(), snapshot.entries * 4);
  }
}

TEST_P(SnapshotKernelTest, RoundsOnlyPerCpuValuesUp) {
  const Kind kind = GetParam();
  const UniqueFd fd = create_map(kind.type, 12, 8);
  for (uint32_t key = 0; key < 8; ++key) {
    std::vector<std::byte> values(16 * cpus_of(kind), std::byte(key + 1));
    ASSERT_EQ(bpf_map_update_elem(fd.get(), &key, values.data(), BPF_ANY), 0);
  }
  for (const ReadMethod method : {ReadMethod::kBatchFirst, ReadMethod::kByKey}) {
    auto reader = MapReader::create(fd.get(), "uneven", method);
    ASSERT_TRUE(reader) << reader.error().message;
    Snapshot snapshot;
    ASSERT_TRUE(reader->read(snapshot, soon()));
    EXPECT_EQ(snapshot.value_size, 12u);
    EXPECT_EQ(snapshot.value_stride, kind.per_cpu ? 16u : 12u);
    ASSERT_EQ(snapshot.entries, 8u);
    for (size_t entry = 0; entry < 8; ++entry) {
      const auto value = snapshot.value(entry, snapshot.cpus - 1);
      EXPECT_EQ(value[0], std::byte(key_at(snapshot, entry) + 1));
      EXPECT_EQ(value[11], std::byte(key_at(snapshot, entry) + 1));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, SnapshotKernelTest, ::testing::ValuesIn(kKinds),
                         [](const auto& row) {
                           return std::string(libbpf_bpf_map_type_str(row.param.type));
                         });

TEST(SnapshotCalls, NeedsTwoCallsAtMostForA64kMap) {
  const UniqueFd fd = create_map(BPF_MAP_TYPE_HASH, 8, 64000);
  for (uint32_t key = 0; key < 64000; ++key) put(fd.get(), key, 1);
  auto reader = MapReader::create(fd.get(), "big");
  ASSERT_TRUE(reader);
  Snapshot snapshot;
  ASSERT_TRUE(reader->read(snapshot, soon()));
  EXPECT_EQ(snapshot.entries, 64000u);
  EXPECT_LE(reader->calls(), 2);
}

TEST(SnapshotCalls, SpreadsALargerMapOverSeveralBatches) {
  const UniqueFd fd = create_map(BPF_MAP_TYPE_HASH, 8, 150000);
  for (uint32_t key = 0; key < 140000; ++key) put(fd.get(), key, 1);
  auto reader = MapReader::create(fd.get(), "bigger");
  ASSERT_TRUE(reader);
  Snapshot snapshot;
  ASSERT_TRUE(reader->read(snapshot, soon()));
  EXPECT_EQ(content(snapshot).size(), 140000u);
  EXPECT_GE(reader->calls(), 3);
}

TEST(SnapshotDeadline, FailsAndNamesTheMapWhenItHasPassed) {
  const UniqueFd fd = create_map(BPF_MAP_TYPE_HASH, 8, 16);
  for (const ReadMethod method : {ReadMethod::kBatchFirst, ReadMethod::kByKey}) {
    auto reader = MapReader::create(fd.get(), "late", method);
    ASSERT_TRUE(reader);
    Snapshot snapshot;
    const Result<void> read = reader->read(snapshot, steady_clock::now() - seconds(1));
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().message.find("map late: the scrape timeout expired"), std::string::npos);
  }
}

TEST(MapReaderCreate, RefusesWhatItCannotRead) {
  const UniqueFd ring(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, 4096, nullptr));
  ASSERT_TRUE(ring);
  const auto unsupported = MapReader::create(ring.get(), "ring");
  ASSERT_FALSE(unsupported);
  EXPECT_NE(unsupported.error().message.find("map ring: cannot read a map of type ringbuf"),
            std::string::npos)
      << unsupported.error().message;
  const auto closed = MapReader::create(-1, "gone");
  ASSERT_FALSE(closed);
  EXPECT_NE(closed.error().message.find("map gone"), std::string::npos);
}

// Inserts and deletes keys from kFirst on as fast as it can, at least 100,000 a second.
class Churn {
 public:
  static constexpr uint32_t kFirst = 1'000'000;

  Churn(int fd, uint32_t keys, uint32_t cpus)
      : thread_([this, fd, keys, cpus](std::stop_token stop) { run(stop, fd, keys, cpus); }) {}

  uint64_t changes() const { return changes_; }

 private:
  // Batches, because a system call for each key is too slow on a busy machine.
  void run(std::stop_token stop, int fd, uint32_t keys, uint32_t cpus) {
    const std::vector<uint64_t> values(size_t{kTogether} * cpus, 77);
    std::vector<uint32_t> some(kTogether);
    for (uint32_t first = 0; !stop.stop_requested(); first = (first + kTogether) % keys) {
      std::iota(some.begin(), some.end(), kFirst + first);
      uint32_t count = kTogether;
      bpf_map_update_batch(fd, some.data(), values.data(), &count, nullptr);
      changes_ += count;
      // Those of half a turn ago, so that half of all keys is there at any time.
      std::iota(some.begin(), some.end(), kFirst + (first + keys / 2) % keys);
      for (const uint32_t& key : some) {
        if (bpf_map_delete_elem(fd, &key) == 0) ++changes_;
      }
    }
  }

  static constexpr uint32_t kTogether = 16;

  std::atomic<uint64_t> changes_ = 0;
  std::jthread thread_;
};

class SnapshotChurnTest : public ::testing::TestWithParam<std::tuple<bpf_map_type, ReadMethod>> {};

TEST_P(SnapshotChurnTest, KeepsStableKeysAndNeverDoublesAny) {
  const auto [type, method] = GetParam();
  const bool per_cpu = type == BPF_MAP_TYPE_PERCPU_HASH;
  const uint32_t cpus = per_cpu ? static_cast<uint32_t>(libbpf_num_possible_cpus()) : 1;
  constexpr uint32_t kStable = 2000;
  const UniqueFd fd = create_map(type, 8, 8000);
  for (uint32_t key = 0; key < kStable; ++key) put(fd.get(), key, cpus);
  auto reader = MapReader::create(fd.get(), "churned", method);
  ASSERT_TRUE(reader);
  const Churn churn(fd.get(), 4000, cpus);
  const auto begin = steady_clock::now();
  size_t passing_seen = 0;
  const auto enough = [&] {
    return churn.changes() >= 100'000 || steady_clock::now() > begin + seconds(30);
  };
  for (int round = 0; round < 5 || !enough(); ++round) {
    Snapshot snapshot;
    const Result<void> read = reader->read(snapshot, soon());
    ASSERT_TRUE(read) << read.error().message;
    const auto entries = content(snapshot);
    const size_t stable = std::distance(entries.begin(), entries.lower_bound(Churn::kFirst));
    ASSERT_EQ(stable, kStable);
    passing_seen += entries.size() - stable;
    for (const auto& [key, values] : entries) {
      if (key >= Churn::kFirst) break;
      for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
        ASSERT_EQ(values[cpu], value_of(key, cpu)) << key;
      }
    }
  }
  // The control: keys did come and go while we read.
  EXPECT_GE(churn.changes(), 100'000u);
  EXPECT_GT(passing_seen, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Methods, SnapshotChurnTest,
    ::testing::Combine(::testing::Values(BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PERCPU_HASH),
                       ::testing::Values(ReadMethod::kBatchFirst, ReadMethod::kByKey)),
    [](const auto& row) {
      return std::string(libbpf_bpf_map_type_str(std::get<0>(row.param))) +
             (std::get<1>(row.param) == ReadMethod::kByKey ? "_by_key" : "_batch");
    });

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "otawrite_fixture.h"

#include <chrono>
#include <cstring>

#include "bpf/histogram.h"

namespace kernel_exporter {
namespace {

// bpf/otawrite.bpf.c; its own, because nobody but the tests reads these maps without BTF.
struct WriteKey {
  uint32_t major;
  uint32_t minor;
  uint32_t role;
  uint32_t step;
  uint32_t operation;
};
struct LatencyKey {
  uint32_t major;
  uint32_t minor;
  uint32_t role;
};

template <typename T>
T as(std::span<const std::byte> bytes) {
  T object;
  EXPECT_GE(bytes.size(), sizeof object);
  std::memcpy(&object, bytes.data(), sizeof object);
  return object;
}

// The first eight bytes of each CPU's value, added.
uint64_t sum(const Snapshot& snapshot, size_t entry) {
  uint64_t total = 0;
  for (uint32_t cpu = 0; cpu < snapshot.cpus; ++cpu) {
    total += as<uint64_t>(snapshot.value(entry, cpu).subspan(0, 8));
  }
  return total;
}

}  // namespace

void OtawriteTest::SetUp() {
  Result<KernelBtf> kernel = KernelBtf::load("/sys");
  ASSERT_TRUE(kernel) << kernel.error().message;
  const ProbeRequest probes[] = {{"otawrite", {}}};
  generation_ = std::make_shared<Generation>();
  const auto loaded = generation_->load({}, probes, {}, &*kernel);
  ASSERT_TRUE(loaded) << loaded.error().message;
  Result<OtaBindings> bindings = OtaBindings::create(generation_, HostPaths());
  ASSERT_TRUE(bindings) << bindings.error().message;
  bindings_ = std::make_unique<OtaBindings>(std::move(*bindings));
  loop_ = std::make_unique<LoopDevice>(tree_.path("disk"), kDeviceBytes);
  cgroup_ = std::make_unique<NestedCgroup>();
  before_ = loop_->writes();
}

void OtawriteTest::bind(ota_role role) {
  const auto bound = bindings_->bind_device(loop_->number(), role);
  ASSERT_TRUE(bound) << bound.error().message;
}

void OtawriteTest::bind_cgroup(uint64_t transaction) {
  const auto bound = bindings_->bind_cgroup(cgroup_->id(), transaction);
  ASSERT_TRUE(bound) << bound.error().message;
}

Snapshot OtawriteTest::read(const char* map) {
  Snapshot snapshot;
  Result<MapReader> reader = MapReader::create(generation_->map_fd(map), map);
  EXPECT_TRUE(reader) << map;
  if (!reader) return snapshot;
  EXPECT_TRUE(reader->read(snapshot, std::chrono::steady_clock::now() + std::chrono::seconds(5)));
  return snapshot;
}

uint64_t OtawriteTest::written(BlockNumber device, std::optional<ota_step> step,
                               block_operation operation) {
  const Snapshot snapshot = read("otawrite");
  uint64_t bytes = 0;
  for (size_t entry = 0; entry < snapshot.entries; ++entry) {
    const auto key = as<WriteKey>(snapshot.key(entry));
    if (BlockNumber{key.major, key.minor} != device || key.operation != operation) continue;
    if (!step || key.step == *step) bytes += sum(snapshot, entry);
  }
  return bytes;
}

uint64_t OtawriteTest::written_as(ota_role role) {
  const Snapshot snapshot = read("otawrite");
  uint64_t bytes = 0;
  for (size_t entry = 0; entry < snapshot.entries; ++entry) {
    if (as<WriteKey>(snapshot.key(entry)).role == role) bytes += sum(snapshot, entry);
  }
  return bytes;
}

uint64_t OtawriteTest::total(uint64_t transaction, std::optional<ota_step> step) {
  const auto totals = bindings_->totals();
  EXPECT_TRUE(totals) << totals.error().message;
  uint64_t bytes = 0;
  for (const OtaWritten& total : totals.value_or(std::vector<OtaWritten>())) {
    if (total.transaction == transaction && (!step || total.step == *step)) bytes += total.bytes;
  }
  return bytes;
}

uint64_t OtawriteTest::latencies(BlockNumber device) {
  const Snapshot snapshot = read("otawrite_latency");
  uint64_t count = 0;
  for (size_t entry = 0; entry < snapshot.entries; ++entry) {
    const auto key = as<LatencyKey>(snapshot.key(entry));
    if (BlockNumber{key.major, key.minor} != device) continue;
    for (uint32_t cpu = 0; cpu < snapshot.cpus; ++cpu) {
      const auto latency = as<histogram>(snapshot.value(entry, cpu));
      for (const uint64_t slot : latency.slots) count += slot;
    }
  }
  return count;
}

uint64_t OtawriteTest::lost(uint32_t reason) {
  const Snapshot snapshot = read("otawrite_lost");
  EXPECT_LT(reason, snapshot.entries);
  return reason < snapshot.entries ? sum(snapshot, reason) : 0;
}

size_t OtawriteTest::entries(const char* map) { return read(map).entries; }

DiskWrites OtawriteTest::disk_writes() const {
  const DiskWrites now = loop_->writes();
  return {now.requests - before_.requests, now.bytes - before_.bytes, now.in_flight};
}

}  // namespace kernel_exporter

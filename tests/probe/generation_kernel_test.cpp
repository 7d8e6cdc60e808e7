// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/unique_fd.h"
#include "fixture.h"
#include "probe/generation.h"
#include "probe/snapshot.h"

namespace kernel_exporter {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience(10);

class GenerationKernelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<KernelBtf> kernel = KernelBtf::load("/sys");
    ASSERT_TRUE(kernel) << kernel.error().message;
    kernel_ = std::make_unique<KernelBtf>(std::move(*kernel));
  }

  std::shared_ptr<Generation> load(const ObjectSource& source, const char* probe) {
    auto generation = std::make_shared<Generation>();
    const ProbeRequest probes[] = {{probe, {}}};
    const auto loaded = generation->load(source, probes, {}, kernel_.get());
    EXPECT_TRUE(loaded) << loaded.error().message;
    return generation;
  }

  const ObjectSource source_ = ObjectSource::generated("loads", fixture("loads"));
  std::unique_ptr<KernelBtf> kernel_;
};

// Context switches that the probe `good` of a generation has counted.
uint64_t switches(const Generation& generation, const ObjectSource& source) {
  auto reader = MapReader::create(generation.map_fd("good_switches", source), "good_switches");
  Snapshot snapshot;
  if (!reader || !reader->read(snapshot, Clock::now() + kPatience)) {
    ADD_FAILURE() << "good_switches cannot be read";
    return 0;
  }
  uint64_t sum = 0;
  for (uint32_t cpu = 0; cpu < snapshot.cpus; ++cpu) {
    uint64_t value = 0;
    std::memcpy(&value, snapshot.value(0, cpu).data(), sizeof value);
    sum += value;
  }
  return sum;
}

bool counts(const Generation& generation, const ObjectSource& source) {
  const uint64_t before = switches(generation, source);
  for (const auto end = Clock::now() + kPatience; Clock::now() < end;) {
    sched_yield();
    if (switches(generation, source) > before) return true;
  }
  return false;
}

uint32_t program_id(const Generation& generation) {
  bpf_prog_info info = {};
  uint32_t size = sizeof info;
  EXPECT_EQ(bpf_obj_get_info_by_fd(generation.programs().at(0).fd, &info, &size), 0);
  return info.id;
}

// The kernel frees a program after an RCU grace period.
bool is_freed(uint32_t program) {
  for (const auto end = Clock::now() + kPatience; Clock::now() < end;) {
    const int fd = bpf_prog_get_fd_by_id(program);
    if (fd == -ENOENT) return true;
    const UniqueFd closed(fd);
  }
  return false;
}

TEST_F(GenerationKernelTest, TwoCountSideBySideUntilOneGoes) {
  std::shared_ptr<Generation> first = load(source_, "good");
  const std::shared_ptr<Generation> second = load(source_, "good");
  EXPECT_GT(second->number(), first->number());
  EXPECT_NE(first->map_fd("good_switches", source_), second->map_fd("good_switches", source_));
  EXPECT_TRUE(counts(*first, source_));
  EXPECT_TRUE(counts(*second, source_));

  const uint32_t gone = program_id(*first);
  const uint32_t stays = program_id(*second);
  first.reset();
  EXPECT_TRUE(is_freed(gone));
  EXPECT_TRUE(counts(*second, source_));
  EXPECT_GE(UniqueFd(bpf_prog_get_fd_by_id(stays)).get(), 0);
}

TEST_F(GenerationKernelTest, LivesAsLongAsSomebodyHoldsIt) {
  std::shared_ptr<Generation> first = load(source_, "good");
  const std::shared_ptr<const Generation> reader = first;
  first.reset();
  EXPECT_TRUE(counts(*reader, source_));
}

TEST_F(GenerationKernelTest, FindsMapsByNameInEachOfItsObjects) {
  const std::shared_ptr<Generation> generation = load(source_, "good");
  const ObjectSource copy = ObjectSource::generated("other", fixture("loads"));
  const ProbeRequest probes[] = {{"good", {}}, {"pick", {}}};
  ASSERT_TRUE(generation->load(copy, probes, {}, kernel_.get()));
  EXPECT_EQ(generation->map_fd("pick_first", source_), -1);
  EXPECT_GE(generation->map_fd("pick_first", copy), 0);
  EXPECT_NE(generation->map_fd("good_switches", source_),
            generation->map_fd("good_switches", copy));
  EXPECT_EQ(generation->map("good_switches", copy)->max_entries, 4u);
  EXPECT_EQ(generation->map_fd("good_switches"), -1);
  EXPECT_EQ(generation->map("good_switches"), nullptr);
  EXPECT_FALSE(generation->has({}));
  EXPECT_EQ(generation->programs().size(), 4u);
}

TEST_F(GenerationKernelTest, GoesOnWithoutAnObjectThatCannotBeLoaded) {
  const std::shared_ptr<Generation> generation = load(source_, "good");
  const ObjectSource absent = ObjectSource::file("/nonexistent/x.bpf.o");
  const ProbeRequest probes[] = {{"x", {}}};
  const auto loaded = generation->load(absent, probes, {}, kernel_.get());
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("/nonexistent/x.bpf.o"), std::string::npos);
  EXPECT_FALSE(generation->has(absent));
  EXPECT_TRUE(counts(*generation, source_));
}

TEST_F(GenerationKernelTest, AttachesOnRequestInEachGenerationForItself) {
  const std::shared_ptr<Generation> first = load(source_, "wait");
  const std::shared_ptr<Generation> second = load(source_, "wait");
  ASSERT_TRUE(first->attach_requested(true));
  EXPECT_EQ(first->programs().at(0).state, AttachState::kAttached);
  EXPECT_EQ(second->programs().at(0).state, AttachState::kIdle);
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "metrics/program_runs.h"

#include <gtest/gtest.h>

#include "../host/temporary_tree.h"

namespace kernel_exporter {
namespace {

constexpr auto kSetting = "proc/sys/kernel/bpf_stats_enabled";
const ProgramRuns::Time kNow{std::chrono::hours(1)};

// A program of a descriptor that is none of bpf()'s: what it comes with stands for what is read.
std::vector<ProgramStatus> program(uint64_t runs, uint64_t missed, int fd = 0) {
  ProgramStatus status;
  status.fd = fd;
  status.run_count = runs;
  status.missed_runs = missed;
  return {status};
}

TEST(ProgramRuns, AreReadOnceAMinuteWhileNobodyCounts) {
  const TemporaryTree tree;
  tree.file(kSetting, "0\n");
  ProgramRuns runs(tree.paths(), false);
  auto first = program(0, 7);
  runs.fill(first, kNow);
  EXPECT_EQ(runs.readings(), 1u);
  auto kept = program(0, 0);
  runs.fill(kept, kNow + std::chrono::seconds(59));
  EXPECT_EQ(runs.readings(), 1u);
  EXPECT_EQ(kept[0].missed_runs, 7u);
  auto later = program(0, 9);
  runs.fill(later, kNow + std::chrono::seconds(60));
  EXPECT_EQ(runs.readings(), 2u);
  EXPECT_EQ(later[0].missed_runs, 9u);
}

TEST(ProgramRuns, AreReadEachTimeWhileTheKernelCounts) {
  const TemporaryTree tree;
  tree.file(kSetting, "0\n");
  ProgramRuns ours(tree.paths(), true);
  ProgramRuns theirs(tree.paths(), false);
  for (uint64_t i = 1; i <= 3; ++i) {
    auto programs = program(i, 0);
    ours.fill(programs, kNow);
    EXPECT_EQ(ours.readings(), i);
  }
  auto programs = program(0, 0);
  theirs.fill(programs, kNow);
  tree.file(kSetting, "1\n");
  for (uint64_t i = 1; i <= 3; ++i) {
    programs = program(10 * i, 0);
    theirs.fill(programs, kNow);
    EXPECT_EQ(programs[0].run_count, 10 * i);
  }
  EXPECT_EQ(theirs.readings(), 4u);
}

// Statistics that another process turned on show in no file, but in counts that move.
TEST(ProgramRuns, AreReadEachTimeWhileTheyMove) {
  const TemporaryTree tree;
  ProgramRuns runs(tree.paths(), false);
  auto now = kNow;
  for (const uint64_t count : {5, 6}) {
    auto programs = program(count, 0);
    runs.fill(programs, now);
    now += ProgramRuns::kLongestAge;
  }
  auto moved = program(7, 0);
  runs.fill(moved, now - std::chrono::seconds(1));
  EXPECT_EQ(runs.readings(), 3u);
  auto still = program(7, 0);
  runs.fill(still, now);
  auto kept = program(0, 0);
  runs.fill(kept, now);
  EXPECT_EQ(runs.readings(), 4u);
  EXPECT_EQ(kept[0].run_count, 7u);
}

TEST(ProgramRuns, OfOtherProgramsAreReadAgain) {
  const TemporaryTree tree;
  ProgramRuns runs(tree.paths(), false);
  auto programs = program(1, 0);
  runs.fill(programs, kNow);
  programs = program(3, 0, 1);
  runs.fill(programs, kNow);
  EXPECT_EQ(runs.readings(), 2u);
  EXPECT_EQ(programs[0].run_count, 3u);
}

}  // namespace
}  // namespace kernel_exporter

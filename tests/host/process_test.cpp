// SPDX-License-Identifier: Apache-2.0
#include "host/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>

#include "base/unique_fd.h"
#include "tests/host/temporary_tree.h"

namespace kernel_exporter {
namespace {

constexpr char kStat[] =
    "7 (a) b) R 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 1000 4096000 25 "
    "18446744073709551615 1 1\n";
constexpr char kBoot[] = "cpu  1 2 3\nbtime 1700000000\nprocesses 5\n";

struct Fixture {
  std::string stat = kStat, boot = kBoot;
};

Result<ProcessStats> read(const Fixture& fixture) {
  TemporaryTree tree;
  tree.file("proc/self/stat", fixture.stat);
  tree.file("proc/stat", fixture.boot);
  tree.file("proc/self/fd/900000", "");
  tree.file("proc/self/fd/900001", "");
  return OwnProcess(tree.paths()).read();
}

TEST(ProcessStats, AreReadPastANameWithParentheses) {
  const auto stats = read({});
  ASSERT_TRUE(stats) << stats.error().message;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  EXPECT_DOUBLE_EQ(stats->cpu_seconds, 200 / ticks);
  EXPECT_DOUBLE_EQ(stats->start_time_seconds, 1.7e9 + 1000 / ticks);
  EXPECT_EQ(stats->resident_bytes, 25u * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(stats->open_fds, 2u);
}

TEST(ProcessStats, NameTheFileThatIsWrong) {
  const struct {
    Fixture fixture;
    const char* culprit;
  } rows[] = {
      {{.stat = ""}, "/self/stat"},
      {{.stat = "7 (name) R 1 2"}, "/self/stat"},
      {{.stat = "7 name R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22"}, "/self/stat"},
      {{.boot = "cpu 1\n"}, "btime"},
      {{.boot = "btime soon\n"}, "btime"},
      {{.boot = "btime"}, "btime"},
  };
  for (const auto& row : rows) {
    const auto stats = read(row.fixture);
    ASSERT_FALSE(stats) << row.culprit;
    EXPECT_NE(stats.error().message.find(row.culprit), std::string::npos) << stats.error().message;
  }
  TemporaryTree empty;
  EXPECT_FALSE(OwnProcess(empty.paths()).read());
}

TEST(ProcessStats, AgreeWithTheKernelAboutOurselves) {
  OwnProcess process{HostPaths()};
  const auto before = process.read();
  ASSERT_TRUE(before) << before.error().message;
  const auto listed = std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                    std::filesystem::directory_iterator());
  EXPECT_EQ(before->open_fds, static_cast<uint64_t>(listed) - 1) << "one of them lists";
  const UniqueFd extra(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto after = process.read();
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->open_fds, before->open_fds + 1);
  EXPECT_GT(after->resident_bytes, 0u);
  const auto now = static_cast<double>(::time(nullptr));
  EXPECT_LE(after->start_time_seconds, now + 2);
  EXPECT_GT(after->start_time_seconds, now - 3600);
  EXPECT_EQ(after->start_time_seconds, before->start_time_seconds);
}

TEST(Process, IsToldFromALaterOneByItsStart) {
  const TemporaryTree tree;
  tree.file("proc/7/stat", kStat);
  tree.file("proc/8/stat", "8 (torn");
  EXPECT_EQ(process_start(tree.paths(), 7), 1000u);
  EXPECT_EQ(process_start(tree.paths(), 8), std::nullopt);
  EXPECT_EQ(process_start(tree.paths(), 9), std::nullopt);
  EXPECT_TRUE(process_start(HostPaths{}, ::getpid()));
}

TEST(Process, IdsAreTheKernelsInTheInitialNamespaceOnly) {
  const TemporaryTree tree;
  EXPECT_FALSE(sees_kernel_process_ids(tree.paths()));
  tree.link("proc/self/ns/pid", "pid:[4026532001]");
  EXPECT_FALSE(sees_kernel_process_ids(tree.paths()));
  tree.remove("proc/self/ns/pid");
  tree.link("proc/self/ns/pid", "pid:[4026531836]");
  EXPECT_TRUE(sees_kernel_process_ids(tree.paths()));
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
// Who wrote it: the truth is the device's own count and what the children of the test wrote.
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otawrite_fixture.h"

namespace kernel_exporter {
namespace {

constexpr uint64_t kUpdate = 41;
constexpr uint64_t kNextUpdate = 42;

// An ext4 on the loop device, made before anything is bound.
class Ext4OtawriteTest : public OtawriteTest {
 protected:
  void SetUp() override {
    OtawriteTest::SetUp();
    ASSERT_TRUE(make_ext4(loop_->path()));
    mount_ = std::make_unique<Mount>(loop_->path(), tree_.path("mnt"), "ext4", "");
    ASSERT_TRUE(sync_file_system(tree_.path("mnt")));
    mounted_ = disk_writes();
  }
  void TearDown() override { mount_.reset(); }

  std::string file(const std::string& name) const { return tree_.path("mnt/") + name; }
  uint64_t disk_bytes_since_mount() const { return disk_writes().bytes - mounted_.bytes; }

  std::unique_ptr<Mount> mount_;
  DiskWrites mounted_;
};

void expect_within_a_percent(uint64_t counted, uint64_t truth) {
  EXPECT_NEAR(static_cast<double>(counted), static_cast<double>(truth),
              static_cast<double>(truth) / 100);
}

TEST_F(OtawriteTest, GivesDirectWritesToTheTasksCgroup) {
  bind();
  bind_cgroup(kUpdate);
  cgroup_->run([&] { return write_direct(loop_->path(), 0, 8 * kMebibyte); });
  EXPECT_EQ(by(OTA_BY_TASK), 8 * kMebibyte);
  EXPECT_EQ(written(loop_->number()), disk_writes().bytes);
  EXPECT_EQ(total(kUpdate, OTA_BY_TASK), 8 * kMebibyte);
  EXPECT_EQ(total(kUpdate), 8 * kMebibyte);
  EXPECT_EQ(written_as(OTA_ROLE_SLOT), 8 * kMebibyte);
  EXPECT_EQ(lost(0), 0u);
}

TEST_F(OtawriteTest, CannotTellWhoWritesForAnUpdateThatNamesNobody) {
  bind();
  EXPECT_TRUE(bindings_->set_unnamed(true));
  cgroup_->run([&] { return write_direct(loop_->path(), 0, 8 * kMebibyte); });
  cgroup_->run([&] { return write_cached(loop_->path(), 8 * kMebibyte, 8 * kMebibyte); });
  EXPECT_TRUE(sync_file(loop_->path()));
  EXPECT_EQ(by(OTA_BY_DEVICE), 16 * kMebibyte);
  EXPECT_EQ(written(loop_->number()), disk_writes().bytes);
  // The control: it has ended.
  EXPECT_TRUE(bindings_->set_unnamed(false));
  cgroup_->run([&] { return write_direct(loop_->path(), 0, kMebibyte); });
  EXPECT_EQ(by(OTA_BY_NOBODY), kMebibyte);
  EXPECT_EQ(by(OTA_BY_DEVICE), 16 * kMebibyte);
}

TEST_F(OtawriteTest, FindsACgroupFifteenLevelsUp) {
  bind();
  for (const int levels : {15, 16}) {
    cgroup_.reset();
    cgroup_ = std::make_unique<NestedCgroup>(".", levels);
    bind_cgroup(kUpdate);
    cgroup_->run([&] { return write_direct(loop_->path(), 0, kMebibyte); });
  }
  EXPECT_EQ(total(kUpdate), kMebibyte);
  EXPECT_EQ(by(OTA_BY_NOBODY), kMebibyte);
}

TEST_F(OtawriteTest, GivesCachedWritesToWhoeverMadeThePagesDirty) {
  bind();
  bind_cgroup(kUpdate);
  cgroup_->run([&] { return write_cached(loop_->path(), 0, 16 * kMebibyte); });
  EXPECT_TRUE(sync_file(loop_->path()));
  expect_within_a_percent(written(loop_->number()), disk_writes().bytes);
  EXPECT_GE(total(kUpdate, OTA_BY_INODE), 16 * kMebibyte * 99 / 100);
  EXPECT_EQ(total(kUpdate), total(kUpdate, OTA_BY_INODE));
}

TEST_F(OtawriteTest, GivesWritebackByTheKernelToWhoeverMadeThePagesDirty) {
  bind();
  bind_cgroup(kUpdate);
  cgroup_->run([&] { return write_cached(loop_->path(), 0, 16 * kMebibyte); });
  ::sync();
  EXPECT_GE(total(kUpdate, OTA_BY_INODE), 16 * kMebibyte * 99 / 100);
  EXPECT_EQ(by(OTA_BY_NOBODY), 0u);
}

TEST_F(OtawriteTest, GivesALaterTransactionItsOwnOverTheSamePages) {
  bind();
  bind_cgroup(kUpdate);
  cgroup_->run([&] { return write_cached(loop_->path(), 0, 8 * kMebibyte); });
  EXPECT_TRUE(sync_file(loop_->path()));
  const uint64_t first = total(kUpdate);
  ASSERT_TRUE(bindings_->retire(kUpdate));
  bind_cgroup(kNextUpdate);
  cgroup_->run([&] { return write_cached(loop_->path(), 0, 8 * kMebibyte); });
  EXPECT_TRUE(sync_file(loop_->path()));
  EXPECT_EQ(total(kUpdate), first);
  EXPECT_EQ(first, 8 * kMebibyte);
  EXPECT_EQ(total(kNextUpdate, OTA_BY_INODE), 8 * kMebibyte);
}

TEST_F(OtawriteTest, GivesASecondWriterOfTheDeviceItsOwn) {
  bind();
  bind_cgroup(kUpdate);
  for (uint64_t part = 0; part < 16; part += 2) {
    cgroup_->run([&] { return write_cached(loop_->path(), part * kMebibyte, kMebibyte); });
    run_outside([&] { return write_cached(loop_->path(), (part + 1) * kMebibyte, kMebibyte); });
  }
  EXPECT_TRUE(sync_file(loop_->path()));
  run_outside([&] { return write_direct(loop_->path(), 32 * kMebibyte, 4 * kMebibyte); });
  EXPECT_EQ(written(loop_->number()), disk_writes().bytes);
  EXPECT_EQ(total(kUpdate, OTA_BY_INODE), 8 * kMebibyte);
  EXPECT_EQ(by(OTA_BY_NOBODY), 12 * kMebibyte);
  EXPECT_EQ(by(OTA_BY_DEVICE), 0u);
}

// On a CPU of its own where there is one.
bool write_page(const std::string& path, int64_t number, size_t cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  ::sched_setaffinity(0, sizeof cpus, &cpus);
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string page(4096, 'x');
  return ::pwrite(file.get(), page.data(), page.size(), number * 4096) == 4096;
}

// What a CPU remembers of the region ends with the next writer, on whichever CPU that is.
TEST_F(OtawriteTest, GivesARegionToItsLastWriterWhoHadWrittenThereBefore) {
  bind();
  bind_cgroup(kUpdate);
  run_outside([&] {
    const bool first = write_page(loop_->path(), 0, 0) && write_page(loop_->path(), 1, 0);
    cgroup_->run([&] { return write_page(loop_->path(), 2, 1); });
    return first && write_page(loop_->path(), 3, 0);
  });
  EXPECT_TRUE(sync_file(loop_->path()));
  EXPECT_EQ(by(OTA_BY_NOBODY), 4 * 4096u);
  EXPECT_EQ(total(kUpdate), 0u);
  cgroup_->run([&] { return write_page(loop_->path(), 4, 1); });
  EXPECT_TRUE(sync_file(loop_->path()));
  EXPECT_EQ(total(kUpdate, OTA_BY_INODE), 4096u);
  EXPECT_EQ(by(OTA_BY_NOBODY), 4 * 4096u);
}

TEST_F(OtawriteTest, KeepsTheNumberOfARetiredTransactionUntilWritebackHasDrained) {
  bind();
  bind_cgroup(kUpdate);
  cgroup_->run([&] { return write_cached(loop_->path(), 0, 8 * kMebibyte); });
  ASSERT_TRUE(bindings_->retire(kUpdate));
  EXPECT_TRUE(sync_file(loop_->path()));
  EXPECT_EQ(total(kUpdate, OTA_BY_INODE), 8 * kMebibyte);
  cgroup_->run([&] { return write_cached(loop_->path(), 0, 8 * kMebibyte); });
  EXPECT_TRUE(sync_file(loop_->path()));
  EXPECT_EQ(total(kUpdate), 8 * kMebibyte) << "its cgroup is no longer bound";
  EXPECT_EQ(by(OTA_BY_NOBODY), 8 * kMebibyte);
  ASSERT_TRUE(bindings_->forget(kUpdate));
  EXPECT_EQ(total(kUpdate), 0u);
}

TEST_F(OtawriteTest, SaysSoWhenAnUpdateOnlyMayHaveWritten) {
  // Dirty before anything is bound: nobody saw who did it, and the kernel's threads write it.
  run_outside([&] { return write_cached(loop_->path(), 0, 8 * kMebibyte); });
  bind();
  bind_cgroup(kUpdate);
  EXPECT_TRUE(sync_file(loop_->path()));
  EXPECT_EQ(total(kUpdate), 0u);
  EXPECT_EQ(by(OTA_BY_DEVICE), written(loop_->number()));
  EXPECT_GT(lost(2), 0u);
}

TEST_F(Ext4OtawriteTest, GivesFilesToTheirWriters) {
  bind(OTA_ROLE_DATA);
  bind_cgroup(kUpdate);
  cgroup_->run([&] { return write_cached(file("bundle"), 0, 16 * kMebibyte); });
  run_outside([&] { return write_cached(file("log"), 0, 4 * kMebibyte); });
  EXPECT_TRUE(sync_file_system(file("bundle")));
  expect_within_a_percent(written(loop_->number()), disk_bytes_since_mount());
  EXPECT_GE(total(kUpdate, OTA_BY_INODE), 16 * kMebibyte * 99 / 100);
  EXPECT_LE(total(kUpdate, OTA_BY_INODE), 16 * kMebibyte);
  EXPECT_GE(by(OTA_BY_NOBODY), 4 * kMebibyte * 99 / 100);
  EXPECT_EQ(written_as(OTA_ROLE_DATA), written(loop_->number()));
}

TEST_F(Ext4OtawriteTest, GivesDirectWritesToFilesToTheTasksCgroup) {
  bind(OTA_ROLE_DATA);
  bind_cgroup(kUpdate);
  cgroup_->run([&] { return write_direct(file("bundle"), 0, 16 * kMebibyte); });
  EXPECT_EQ(total(kUpdate, OTA_BY_TASK), 16 * kMebibyte);
}

}  // namespace
}  // namespace kernel_exporter

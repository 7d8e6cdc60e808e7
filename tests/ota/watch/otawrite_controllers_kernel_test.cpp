// SPDX-License-Identifier: Apache-2.0
// Who wrote it, whatever controllers of cgroup2 the update's cgroup has: io and memory decide for
// whom the kernel keeps dirty pages and to whom it charges their writeback. The truth is the
// device's own count, which /proc/diskstats shows too.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "otawrite_fixture.h"

namespace kernel_exporter {
namespace {

constexpr uint64_t kUpdate = 51;

// Of the controllers in its parameter, none of which is switched on where cgroup v1 has them.
class OtawriteControllersTest : public OtawriteTest,
                                public testing::WithParamInterface<std::vector<std::string>> {
 protected:
  void SetUp() override {
    OtawriteTest::SetUp();
    parent_ = std::make_unique<ControllingCgroup>(GetParam());
    cgroup_ = std::make_unique<NestedCgroup>(parent_->name());
    for (const std::string& controller : GetParam()) {
      if (parent_->has(controller)) continue;
      std::printf("here cgroup2 has no controller %s: tested without it\n", controller.c_str());
    }
  }
  void TearDown() override {
    mount_.reset();
    cgroup_.reset();
    parent_.reset();
  }

  void mount(const std::string& features = "") {
    ASSERT_TRUE(make_ext4(loop_->path(), features));
    mount_ = std::make_unique<Mount>(loop_->path(), tree_.path("mnt"), "ext4", "");
    ASSERT_TRUE(sync_file_system(tree_.path("mnt")));
  }
  // Forgets what is in memory of files, and who had written them.
  void remount() {
    ASSERT_TRUE(sync_file_system(tree_.path("mnt")));
    mount_.reset();
    mount_ = std::make_unique<Mount>(loop_->path(), tree_.path("mnt"), "ext4", "");
    // Reads what writers will want of the inodes.
    ASSERT_TRUE(sync_file_system(file("bundle")) && sync_file_system(file("log")));
  }
  std::string file(const std::string& name) const { return tree_.path("mnt/") + name; }

  // The kernel may begin to write five seconds later: on a busy machine that may be too soon.
  bool make_files_dirty() {
    for (int attempt = 0; attempt < 20; ++attempt) {
      const uint64_t before = disk_writes().bytes;
      cgroup_->run([&] { return write_cached(file("bundle"), 0, 8 * kMebibyte); });
      run_outside([&] { return write_cached(file("log"), 0, 4 * kMebibyte); });
      const DiskWrites now = disk_writes();
      if (now.bytes == before && now.in_flight == 0) return true;
      EXPECT_TRUE(sync_file_system(file("bundle")));
    }
    return false;
  }

  void bind_all(ota_role role) {
    bind(role);
    bind_cgroup(kUpdate);
    unbound_ = disk_writes().bytes;
  }

  // What a file system has begun by itself may still be under way.
  void expect_all_that_the_disk_wrote() {
    const auto disk = [&] { return disk_writes().bytes - unbound_; };
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (written(loop_->number()) != disk() && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_EQ(written(loop_->number()), disk());
  }

  std::unique_ptr<ControllingCgroup> parent_;
  std::unique_ptr<Mount> mount_;
  uint64_t unbound_ = 0;  // bytes that the disk wrote before it was bound
};

TEST_P(OtawriteControllersTest, DirectWritesToTheDevice) {
  bind_all(OTA_ROLE_SLOT);
  cgroup_->run([&] { return write_direct(loop_->path(), 0, 8 * kMebibyte); });
  run_outside([&] { return write_direct(loop_->path(), 8 * kMebibyte, 4 * kMebibyte); });
  EXPECT_EQ(total(kUpdate, OTA_BY_TASK), 8 * kMebibyte);
  EXPECT_EQ(total(kUpdate), 8 * kMebibyte);
  EXPECT_EQ(by(OTA_BY_NOBODY), 4 * kMebibyte);
  EXPECT_EQ(disk_writes().bytes - unbound_, 12 * kMebibyte);
}

TEST_P(OtawriteControllersTest, BufferedWritesToTheDevice) {
  bind_all(OTA_ROLE_SLOT);
  cgroup_->run([&] { return write_cached(loop_->path(), 0, 8 * kMebibyte); });
  run_outside([&] { return write_cached(loop_->path(), 8 * kMebibyte, 4 * kMebibyte); });
  EXPECT_TRUE(sync_file(loop_->path()));
  EXPECT_EQ(total(kUpdate, OTA_BY_INODE), 8 * kMebibyte);
  EXPECT_EQ(total(kUpdate), 8 * kMebibyte);
  EXPECT_EQ(by(OTA_BY_NOBODY), 4 * kMebibyte);
  EXPECT_EQ(disk_writes().bytes - unbound_, 12 * kMebibyte);
}

TEST_P(OtawriteControllersTest, DirectWritesToFiles) {
  mount();
  bind_all(OTA_ROLE_DATA);
  cgroup_->run([&] { return write_direct(file("bundle"), 0, 8 * kMebibyte); });
  run_outside([&] { return write_direct(file("log"), 0, 4 * kMebibyte); });
  EXPECT_TRUE(sync_file_system(file("bundle")));
  EXPECT_EQ(total(kUpdate, OTA_BY_TASK), 8 * kMebibyte);
  EXPECT_EQ(total(kUpdate), 8 * kMebibyte);
  EXPECT_GE(by(OTA_BY_NOBODY), 4 * kMebibyte);
  expect_all_that_the_disk_wrote();
}

// syncfs(2) has kworkers write all data, and waits for them.
TEST_P(OtawriteControllersTest, BufferedWritesToFilesThatKworkersWriteBack) {
  mount();
  bind_all(OTA_ROLE_DATA);
  cgroup_->run([&] { return write_cached(file("bundle"), 0, 8 * kMebibyte); });
  run_outside([&] { return write_cached(file("log"), 0, 4 * kMebibyte); });
  EXPECT_TRUE(sync_file_system(file("bundle")));
  EXPECT_EQ(total(kUpdate, OTA_BY_INODE), 8 * kMebibyte);
  EXPECT_EQ(total(kUpdate), 8 * kMebibyte);
  EXPECT_EQ(by(OTA_BY_BLKCG), 0u);
  EXPECT_GE(by(OTA_BY_NOBODY), 4 * kMebibyte);
  expect_all_that_the_disk_wrote();
}

// Nobody saw who made these pages dirty, and kworkers write them: the kernel alone knows for whom,
// and only with the controller io, which has memory switched on with it, unseen. Blocks are
// overwritten, without a journal: nothing but the data and the inodes' times has to be written, and
// nothing before the binding.
TEST_P(OtawriteControllersTest, BufferedWritesToFilesFromBeforeTheBinding) {
  mount("^has_journal");
  run_outside([&] {
    return write_cached(file("bundle"), 0, 8 * kMebibyte) &&
           write_cached(file("log"), 0, 4 * kMebibyte);
  });
  remount();
  ASSERT_TRUE(make_files_dirty());
  bind_all(OTA_ROLE_DATA);
  EXPECT_TRUE(sync_file_system(file("bundle")));
  const bool charged = parent_->has("io");
  EXPECT_EQ(total(kUpdate, OTA_BY_BLKCG), charged ? 8 * kMebibyte : 0u);
  EXPECT_EQ(total(kUpdate), total(kUpdate, OTA_BY_BLKCG));
  EXPECT_GE(by(OTA_BY_DEVICE), (charged ? 4 : 12) * kMebibyte);
  EXPECT_EQ(by(OTA_BY_BLKCG) + by(OTA_BY_DEVICE), written(loop_->number()));
  EXPECT_GT(lost(2), 0u);
  expect_all_that_the_disk_wrote();
}

std::string name_of(const testing::TestParamInfo<std::vector<std::string>>& controllers) {
  std::string name;
  for (const std::string& controller : controllers.param) name += controller;
  return name.empty() ? "none" : name;
}

using Words = std::vector<std::string>;
INSTANTIATE_TEST_SUITE_P(Controllers, OtawriteControllersTest,
                         testing::Values(Words{}, Words{"memory"}, Words{"io"},
                                         Words{"io", "memory"}),
                         name_of);

}  // namespace
}  // namespace kernel_exporter

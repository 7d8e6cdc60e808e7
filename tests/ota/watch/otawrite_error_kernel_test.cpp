// SPDX-License-Identifier: Apache-2.0
// What failed, and where: the loop device lies on a file system that is full but for what the disk
// already has, so that writing into a hole of the disk fails.
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#include <cerrno>

#include "otawrite_fixture.h"

namespace kernel_exporter {
namespace {

constexpr uint64_t kUpdate = 9;
constexpr uint64_t kFullBytes = 16 * kMebibyte;

uint64_t boottime_ns() {
  timespec now = {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// For a child to write into; stays mapped.
uint32_t* shared_number() {
  void* page =
      ::mmap(nullptr, sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(page, MAP_FAILED);
  return static_cast<uint32_t*>(page);
}

class OtawriteErrorTest : public OtawriteTest {
 protected:
  void SetUp() override {
    OtawriteTest::SetUp();
    uint8_t random = 0;
    ASSERT_EQ(::getrandom(&random, 1, 0), 1);
    hole_ = (1 + random % 14) * kMebibyte;
    RecordProperty("hole", std::to_string(hole_));
    tmpfs_ = std::make_unique<Mount>("none", tree_.path("full"), "tmpfs", "size=16m");
    const std::string file = tree_.path("full/disk");
    ASSERT_TRUE(write_cached(file, 0, hole_));
    ASSERT_TRUE(write_cached(file, hole_ + kMebibyte, kFullBytes - hole_ - kMebibyte));
    // Takes the room that the hole would need.
    ASSERT_TRUE(write_cached(tree_.path("full/other"), 0, kMebibyte));
    disk_ = std::make_unique<LoopDevice>(file, kFullBytes);
  }
  void TearDown() override {
    disk_.reset();
    tmpfs_.reset();
  }

  OtaDeviceError only_error() {
    const auto errors = bindings_->last_errors();
    EXPECT_TRUE(errors) << errors.error().message;
    EXPECT_EQ(errors->size(), 1u);
    return errors && errors->size() == 1 ? errors->front() : OtaDeviceError{};
  }

  uint64_t hole_ = 0;
  std::unique_ptr<Mount> tmpfs_;
  std::unique_ptr<LoopDevice> disk_;
};

TEST_F(OtawriteErrorTest, NamesTheOffsetOfAFailedWrite) {
  ASSERT_TRUE(bindings_->bind_device(disk_->number(), OTA_ROLE_SLOT));
  bind_cgroup(kUpdate);
  const uint64_t before = boottime_ns();
  cgroup_->run([&] { return write_direct(disk_->path(), 0, hole_); });
  EXPECT_EQ(entries("otawrite_last_error"), 0u);
  uint32_t& seen_errno = *shared_number();
  cgroup_->run([&] {
    const bool failed = !write_direct(disk_->path(), hole_, kMebibyte);
    seen_errno = static_cast<uint32_t>(errno);
    return failed;
  });
  const OtaDeviceError found = only_error();
  EXPECT_EQ(found.device, disk_->number());
  EXPECT_GE(found.error.offset, hole_);
  EXPECT_GT(found.error.bytes, 0u);
  EXPECT_LE(found.error.offset + found.error.bytes, hole_ + kMebibyte);
  EXPECT_EQ(found.error.sector, found.error.offset / 512);
  // ENOSPC, or EIO where the loop driver knows nothing else.
  EXPECT_NE(found.error.status, 0u);
  EXPECT_EQ(found.error.status, seen_errno);
  EXPECT_EQ(found.error.operation, BLOCK_WRITE);
  EXPECT_EQ(found.error.role, OTA_ROLE_SLOT);
  EXPECT_GT(found.error.at_ns, before);
  EXPECT_LT(found.error.at_ns, boottime_ns());
  EXPECT_GE(found.error.count, 1u);
  EXPECT_EQ(entries("otawrite_errors"), 1u);
}

TEST_F(OtawriteErrorTest, CountsTheOffsetFromTheStartOfThePartition) {
  const uint64_t start = hole_ - kMebibyte / 2;
  const std::string partition = disk_->add_partition(1, start, 2 * kMebibyte);
  ASSERT_TRUE(bindings_->bind_device(block_number(partition), OTA_ROLE_BOOTENV));
  run_outside([&] { return !write_cached(partition, 0, kMebibyte) || !sync_file(partition); });
  const OtaDeviceError found = only_error();
  EXPECT_EQ(found.device, block_number(partition));
  EXPECT_LE(found.error.offset, kMebibyte);
  EXPECT_GT(found.error.offset + found.error.bytes, kMebibyte / 2);
  EXPECT_EQ(found.error.sector, (start + found.error.offset) / 512);
  EXPECT_EQ(found.error.role, OTA_ROLE_BOOTENV);
}

TEST_F(OtawriteErrorTest, KeepsErrorsOfOtherDevicesOut) {
  bind();
  run_outside([&] { return !write_direct(disk_->path(), hole_, kMebibyte); });
  EXPECT_EQ(entries("otawrite_last_error"), 0u);
  EXPECT_EQ(entries("otawrite_errors"), 0u);
}

}  // namespace
}  // namespace kernel_exporter

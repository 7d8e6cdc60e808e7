// SPDX-License-Identifier: Apache-2.0
// Which device it went to, and what is not counted at all.
#include "otawrite_fixture.h"

namespace kernel_exporter {
namespace {

constexpr uint64_t kUpdate = 7;

TEST_F(OtawriteTest, CountsNothingWhileNothingIsBound) {
  run_outside([&] { return write_direct(loop_->path(), 0, 4 * kMebibyte); });
  for (const char* map : {"otawrite", "ota_written", "otawrite_latency", "otawrite_errors",
                          "otawrite_last_error", "otawrite_stamp"}) {
    EXPECT_EQ(entries(map), 0u) << map;
  }
}

TEST_F(OtawriteTest, CountsNothingOnADeviceThatIsNotBound) {
  const LoopDevice other(tree_.path("other"), 16 * kMebibyte);
  bind();
  bind_cgroup(kUpdate);
  cgroup_->run([&] { return write_direct(other.path(), 0, 4 * kMebibyte); });
  cgroup_->run([&] { return write_cached(other.path(), 4 * kMebibyte, 4 * kMebibyte); });
  EXPECT_TRUE(sync_file(other.path()));
  EXPECT_EQ(written(other.number()), 0u);
  EXPECT_EQ(total(kUpdate), 0u);
  EXPECT_EQ(entries("otawrite"), 0u);
  EXPECT_EQ(entries("otawrite_stamp"), 0u);
}

TEST_F(OtawriteTest, StopsCountingWhenADeviceIsUnbound) {
  bind();
  run_outside([&] { return write_direct(loop_->path(), 0, 4 * kMebibyte); });
  ASSERT_TRUE(bindings_->unbind_device(loop_->number()));
  run_outside([&] { return write_direct(loop_->path(), 0, 4 * kMebibyte); });
  EXPECT_EQ(written(loop_->number()), 4 * kMebibyte);
  EXPECT_EQ(entries("ota_device"), 0u);
}

TEST_F(OtawriteTest, TellsPartitionsOfADiskApart) {
  const std::string first = loop_->add_partition(1, 8 * kMebibyte, 16 * kMebibyte);
  const std::string second = loop_->add_partition(2, 24 * kMebibyte, 16 * kMebibyte);
  ASSERT_TRUE(bindings_->bind_device(block_number(first), OTA_ROLE_SLOT));
  ASSERT_TRUE(bindings_->bind_device(block_number(second), OTA_ROLE_BOOTENV));
  bind_cgroup(kUpdate);
  cgroup_->run([&] { return write_direct(first, 0, 4 * kMebibyte); });
  cgroup_->run([&] { return write_cached(second, 0, 2 * kMebibyte); });
  EXPECT_TRUE(sync_file(second));
  // By the disk's own node, to the sectors of the second, and to none.
  cgroup_->run([&] { return write_cached(loop_->path(), 38 * kMebibyte, kMebibyte); });
  EXPECT_TRUE(sync_file(loop_->path()));
  cgroup_->run([&] { return write_direct(loop_->path(), 0, 4 * kMebibyte); });
  EXPECT_EQ(written(block_number(first)), 4 * kMebibyte);
  EXPECT_EQ(written(block_number(second), OTA_BY_INODE), 3 * kMebibyte);
  EXPECT_EQ(written_as(OTA_ROLE_BOOTENV), 3 * kMebibyte);
  EXPECT_EQ(written(loop_->number()), 0u);
  EXPECT_EQ(total(kUpdate), 7 * kMebibyte);
}

TEST_F(OtawriteTest, CountsWhatIsNotInABoundPartitionForTheBoundDisk) {
  const std::string first = loop_->add_partition(1, 8 * kMebibyte, 16 * kMebibyte);
  bind(OTA_ROLE_DATA);
  ASSERT_TRUE(bindings_->bind_device(block_number(first), OTA_ROLE_SLOT));
  run_outside([&] { return write_direct(first, 0, 2 * kMebibyte); });
  run_outside([&] { return write_direct(loop_->path(), 32 * kMebibyte, 4 * kMebibyte); });
  EXPECT_EQ(written(block_number(first)), 2 * kMebibyte);
  EXPECT_EQ(written(loop_->number()), 4 * kMebibyte);
}

TEST_F(OtawriteTest, ObservesTheLatencyOfEveryWriteRequest) {
  bind();
  run_outside([&] { return write_direct(loop_->path(), 0, 8 * kMebibyte); });
  EXPECT_EQ(latencies(loop_->number()), disk_writes().requests);
  EXPECT_GE(latencies(loop_->number()), 8u);
}

TEST_F(OtawriteTest, RefusesWhatCannotBeBound) {
  const auto gone = bindings_->bind_device({4095, 1048575}, OTA_ROLE_SLOT);
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().message.find("block device 4095:1048575"), std::string::npos)
      << gone.error().message;
  EXPECT_FALSE(bindings_->bind_cgroup(1, 0));
  EXPECT_FALSE(bindings_->bind_cgroup(1, ~uint64_t{0}));
  EXPECT_TRUE(bindings_->unbind_device({4095, 1048575}));
  EXPECT_TRUE(bindings_->unbind_cgroup(1));
}

}  // namespace
}  // namespace kernel_exporter

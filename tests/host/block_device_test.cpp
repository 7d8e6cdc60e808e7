// SPDX-License-Identifier: Apache-2.0
#include "host/block_device.h"

#include <gtest/gtest.h>

#include "tests/host/temporary_tree.h"

namespace kernel_exporter {
namespace {

TEST(BlockDevice, IsNamedByItsNumber) {
  TemporaryTree tree;
  tree.link("sys/dev/block/8:1", "../../devices/pci0000:00/block/sda/sda1");
  tree.link("sys/dev/block/253:0", "../../devices/virtual/block/dm-0");
  tree.link("sys/dev/block/104:0", "../../block/cciss!c0d0");
  EXPECT_EQ(block_device_name(tree.paths(), 8, 1), "sda1");
  EXPECT_EQ(block_device_name(tree.paths(), 253, 0), "dm-0");
  EXPECT_EQ(block_device_name(tree.paths(), 104, 0), "cciss/c0d0");
}

TEST(BlockDevice, HasNoNameWhenItIsGoneOrNoLink) {
  TemporaryTree tree;
  tree.file("sys/dev/block/8:2", "");
  tree.link("sys/dev/block/8:3", "ends/in/a/slash/");
  EXPECT_EQ(block_device_name(tree.paths(), 8, 1), std::nullopt);
  EXPECT_EQ(block_device_name(tree.paths(), 8, 2), std::nullopt);
  EXPECT_EQ(block_device_name(tree.paths(), 8, 3), std::nullopt);
}

TEST(BlockDevice, CountsDisksThatHaveAMedium) {
  TemporaryTree tree;
  EXPECT_EQ(count_disks(tree.paths()), 0u);
  tree.file("sys/block/sda/size", "100000\n");
  tree.file("sys/block/sda/sda1/size", "4096\n");
  tree.file("sys/block/loop0/size", "0\n");
  tree.file("sys/block/dm-0/size", "8\n");
  tree.file("sys/block/broken/size", "many\n");
  EXPECT_EQ(count_disks(tree.paths()), 2u);
}

// A disk 8:0 with a partition 8:2 from sector 2048 on.
void add_disk(const TemporaryTree& tree, const std::string& size = "4096\n") {
  tree.file("sys/block/sda/dev", "8:0\n");
  tree.file("sys/block/sda/size", "100000\n");
  tree.file("sys/block/sda/queue/rotational", "0\n");
  tree.file("sys/block/sda/sda2/dev", "8:2\n");
  tree.file("sys/block/sda/sda2/partition", "2\n");
  tree.file("sys/block/sda/sda2/start", "2048\n");
  tree.file("sys/block/sda/sda2/size", size);
  tree.link("sys/dev/block/8:0", "../../block/sda");
  tree.link("sys/dev/block/8:2", "../../block/sda/sda2");
}

TEST(BlockDevice, LiesOnItsDisk) {
  TemporaryTree tree;
  add_disk(tree);
  const Result<BlockExtent> partition = block_extent(tree.paths(), {8, 2});
  ASSERT_TRUE(partition) << partition.error().message;
  EXPECT_EQ(partition->disk, (BlockNumber{8, 0}));
  EXPECT_EQ(partition->first, 2048u);
  EXPECT_EQ(partition->end, 6144u);
  const Result<BlockExtent> disk = block_extent(tree.paths(), {8, 0});
  ASSERT_TRUE(disk) << disk.error().message;
  EXPECT_EQ(disk->disk, (BlockNumber{8, 0}));
  EXPECT_EQ(disk->first, 0u);
  EXPECT_EQ(disk->end, UINT64_MAX);
  EXPECT_EQ(block_partitions(tree.paths(), {8, 0}), (std::vector<BlockNumber>{{8, 2}}));
}

TEST(BlockDevice, LiesNowhereWhenItIsGoneOrSysfsIsNotAsExpected) {
  TemporaryTree tree;
  const Result<BlockExtent> gone = block_extent(tree.paths(), {8, 2});
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().message.find("8:2: no such block device"), std::string::npos)
      << gone.error().message;
  EXPECT_TRUE(block_partitions(tree.paths(), {8, 0}).empty());
  add_disk(tree, "many\n");
  const Result<BlockExtent> wrong = block_extent(tree.paths(), {8, 2});
  ASSERT_FALSE(wrong);
  EXPECT_TRUE(wrong.error().message.ends_with("8:2/size: not a number: many"))
      << wrong.error().message;
}

}  // namespace
}  // namespace kernel_exporter

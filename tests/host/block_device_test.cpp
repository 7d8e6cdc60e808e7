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

}  // namespace
}  // namespace kernel_exporter

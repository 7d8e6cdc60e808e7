// SPDX-License-Identifier: Apache-2.0
#include "host/mtd.h"

#include <gtest/gtest.h>

#include "temporary_tree.h"

namespace kernel_exporter {
namespace {

void add_device(const TemporaryTree& tree, const std::string& name, const std::string& failures,
                const std::string& corrected, const std::string& bad) {
  const std::string folder = "sys/class/mtd/" + name + "/";
  tree.file(folder + "ecc_failures", failures);
  tree.file(folder + "corrected_bits", corrected);
  tree.file(folder + "bad_blocks", bad);
}

TEST(Mtd, ReadsTheCountsOfEveryDeviceInTheOrderOfTheirNumbers) {
  const TemporaryTree tree;
  add_device(tree, "mtd10", "1\n", "2\n", "3\n");
  add_device(tree, "mtd2", "0\n", "18446744073709551615\n", "0\n");
  add_device(tree, "mtd2ro", "9\n", "9\n", "9\n");
  const std::vector<MtdDevice> devices = mtd_devices(tree.paths());
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].index, 2u);
  EXPECT_EQ(devices[0].corrected_bits, UINT64_MAX);
  EXPECT_EQ(devices[1].index, 10u);
  EXPECT_EQ(devices[1].ecc_failures, 1u);
  EXPECT_EQ(devices[1].corrected_bits, 2u);
  EXPECT_EQ(devices[1].bad_blocks, 3u);
  EXPECT_EQ(mtd_name(devices[1].index), "mtd10");
}

TEST(Mtd, LeavesOutWhatCannotBeRead) {
  const TemporaryTree tree;
  EXPECT_TRUE(mtd_devices(tree.paths()).empty());
  add_device(tree, "mtd0", "many\n", "0\n", "0\n");
  add_device(tree, "mtd1", "", "0\n", "0\n");
  add_device(tree, "mtd2", "-1\n", "0\n", "0\n");
  tree.file("sys/class/mtd/mtd3/ecc_failures", "0\n");
  EXPECT_TRUE(mtd_devices(tree.paths()).empty());
  EXPECT_EQ(mtd_device(tree.paths(), 0), std::nullopt);
  EXPECT_EQ(mtd_device(tree.paths(), 7), std::nullopt);
}

TEST(Mtd, FindsTheFlashBehindACharacterDevice) {
  const TemporaryTree tree;
  const std::string ubi = "sys/devices/virtual/ubi/ubi0/";
  tree.file(ubi + "mtd_num", "3\n");
  tree.file(ubi + "ubi0_1/name", "rootfs\n");
  tree.link("sys/dev/char/245:0", "../../devices/virtual/ubi/ubi0");
  tree.link("sys/dev/char/245:2", "../../devices/virtual/ubi/ubi0/ubi0_1");
  tree.directory("sys/devices/virtual/mem/null");
  tree.link("sys/dev/char/1:3", "../../devices/virtual/mem/null");
  struct Row {
    uint32_t major;
    uint32_t minor;
    std::optional<uint32_t> index;
  };
  const Row rows[] = {{90, 0, 0},  {90, 1, 0},  {90, 6, 3},           {90, 7, 3},
                      {245, 0, 3}, {245, 2, 3}, {1, 3, std::nullopt}, {245, 9, std::nullopt}};
  for (const Row& row : rows) {
    EXPECT_EQ(mtd_of_character_device(tree.paths(), row.major, row.minor), row.index)
        << row.major << ":" << row.minor;
  }
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "metrics/host_snapshot.h"

#include <gtest/gtest.h>

#include <cstring>

#include "../host/temporary_tree.h"
#include "rules/mtd_layout.h"

namespace kernel_exporter {
namespace {

TEST(HostSnapshot, HasOneEntryForEachFlashDevice) {
  const TemporaryTree tree;
  Snapshot snapshot;
  read_mtd(tree.paths(), snapshot);
  EXPECT_EQ(snapshot.entries, 0u);
  tree.file("sys/class/mtd/mtd4/ecc_failures", "7\n");
  tree.file("sys/class/mtd/mtd4/corrected_bits", "8\n");
  tree.file("sys/class/mtd/mtd4/bad_blocks", "9\n");
  read_mtd(tree.paths(), snapshot);
  ASSERT_EQ(snapshot.entries, 1u);
  ASSERT_EQ(snapshot.key(0).size(), mtd_key_layout().size);
  ASSERT_EQ(snapshot.value(0, 0).size(), mtd_value_layout().size);
  MtdKey key;
  MtdValue value;
  std::memcpy(&key, snapshot.key(0).data(), sizeof key);
  std::memcpy(&value, snapshot.value(0, 0).data(), sizeof value);
  EXPECT_STREQ(key.mtd, "mtd4");
  EXPECT_EQ(key.index, 4u);
  EXPECT_EQ(value.ecc_failures, 7u);
  EXPECT_EQ(value.corrected_bits, 8u);
  EXPECT_EQ(value.bad_blocks, 9u);
}

}  // namespace
}  // namespace kernel_exporter

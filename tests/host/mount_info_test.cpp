// SPDX-License-Identifier: Apache-2.0
#include "host/mount_info.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

TEST(MountInfo, ReadsWhatProcDescribes) {
  EXPECT_EQ(
      parse_mount_info("31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
                       "36 35 98:0 /mnt1 /mnt2 rw master:1 shared:2 - ext3 /dev/root rw\n"
                       "40 1 7:4 /a\\040b /with\\011tab\\134 ro - squashfs /dev/loop4 ro"),
      (std::vector<Mount>{{"/", "/sys/fs/cgroup", "cgroup2"},
                          {"/mnt1", "/mnt2", "ext3"},
                          {"/a b", "/with\ttab\\", "squashfs"}}));
}

TEST(MountInfo, LeavesOutLinesOfAnotherShape) {
  for (const char* text : {"", "\n\n", "31 23 0:28 / /sys", "31 23 0:28 / /sys rw",
                           "31 23 0:28 / /sys rw shared:9", "31 23 0:28 / /sys rw shared:9 -"}) {
    EXPECT_TRUE(parse_mount_info(text).empty()) << text;
  }
}

TEST(MountInfo, LeavesWhatIsNoEscapeAsItIs) {
  const auto mounts = parse_mount_info("1 2 0:1 /\\9 /\\04 rw - tmpfs none rw\n");
  ASSERT_EQ(mounts.size(), 1u);
  EXPECT_EQ(mounts[0].root, "/\\9");
  EXPECT_EQ(mounts[0].point, "/\\04");
}

}  // namespace
}  // namespace kernel_exporter

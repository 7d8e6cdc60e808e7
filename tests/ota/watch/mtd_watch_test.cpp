// SPDX-License-Identifier: Apache-2.0
// Without the probe, as on a kernel that has neither fexit nor kprobes for MTD.
#include "ota/watch/mtd_watch.h"

#include <gtest/gtest.h>

#include "../../host/temporary_tree.h"

namespace kernel_exporter {
namespace {

class MtdWatchTest : public testing::Test {
 protected:
  MtdWatchTest() : watch_(nullptr, tree_.paths()) { count(0); }

  void count(int failures) const {
    const std::string folder = "sys/class/mtd/mtd3/";
    tree_.file(folder + "ecc_failures", std::to_string(failures) + "\n");
    tree_.file(folder + "corrected_bits", "0\n");
    tree_.file(folder + "bad_blocks", "0\n");
  }
  bool bind(uint64_t transaction, uint32_t minor = 6) {
    OtaDevice device;
    device.path = "/dev/mtd3";
    device.major = 90;
    device.minor = minor;
    return watch_.bind(device, transaction);
  }

  const TemporaryTree tree_;
  MtdWatch watch_;
};

TEST_F(MtdWatchTest, TakesNewEccFailuresOfABoundDeviceForAMediumError) {
  count(5);
  EXPECT_TRUE(watch_.fresh_errors().empty());
  ASSERT_TRUE(bind(1));
  EXPECT_TRUE(watch_.fresh_errors().empty());
  count(7);
  const std::vector<OtaEvidence> fresh = watch_.fresh_errors();
  ASSERT_EQ(fresh.size(), 1u);
  EXPECT_EQ(fresh[0].cause, OtaCause::kMediaError);
  EXPECT_EQ(fresh[0].device, "mtd3");
  EXPECT_EQ(fresh[0].offset, std::nullopt);
  EXPECT_GT(fresh[0].at_ns, 0);
  EXPECT_TRUE(watch_.fresh_errors().empty());
}

TEST_F(MtdWatchTest, LeavesOutWhatWasBeforeTheBeginAndADeviceThatCameAnew) {
  ASSERT_TRUE(bind(1));
  count(4);
  ASSERT_TRUE(bind(2));
  EXPECT_TRUE(watch_.fresh_errors().empty());
  count(1);
  EXPECT_TRUE(watch_.fresh_errors().empty());
  count(2);
  EXPECT_EQ(watch_.fresh_errors().size(), 1u);
}

TEST_F(MtdWatchTest, ReleasesWhatNoTransactionOfTheseHasBound) {
  ASSERT_TRUE(bind(1));
  ASSERT_TRUE(bind(2));
  watch_.release({2});
  count(1);
  EXPECT_EQ(watch_.fresh_errors().size(), 1u);
  watch_.release({3});
  count(2);
  EXPECT_TRUE(watch_.fresh_errors().empty());
}

TEST_F(MtdWatchTest, RefusesWhatIsNoFlash) {
  OtaDevice device;
  device.major = 1;
  device.minor = 3;
  EXPECT_FALSE(watch_.bind(device, 1));
  device.block = true;
  device.major = 90;
  EXPECT_FALSE(watch_.bind(device, 1));
}

}  // namespace
}  // namespace kernel_exporter

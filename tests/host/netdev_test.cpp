// SPDX-License-Identifier: Apache-2.0
#include "host/netdev.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/stat.h>

#include <algorithm>

#include "tests/host/temporary_tree.h"

namespace kernel_exporter {
namespace {

uint32_t inode_of_own_namespace() {
  struct stat status = {};
  EXPECT_EQ(::stat("/proc/self/ns/net", &status), 0);
  return static_cast<uint32_t>(status.st_ino);
}

TEST(NetDevices, ListOurOwnNamespace) {
  const auto devices = NetDevices(HostPaths()).devices();
  ASSERT_TRUE(devices) << devices.error().message;
  const auto loopback = std::find_if(devices->begin(), devices->end(),
                                     [](const NetDevice& device) { return device.name == "lo"; });
  ASSERT_NE(loopback, devices->end());
  EXPECT_EQ(loopback->ifindex, 1u);
  for (const NetDevice& device : *devices) {
    EXPECT_EQ(device.ifindex, ::if_nametoindex(device.name.c_str())) << device.name;
  }
}

TEST(NetDevices, NameDevicesOfOurOwnNamespace) {
  NetDevices devices{HostPaths()};
  EXPECT_EQ(devices.own_namespace(), inode_of_own_namespace());
  EXPECT_EQ(devices.name(1), "lo");
  EXPECT_EQ(devices.name(0), std::nullopt);
  EXPECT_EQ(devices.name(0xfffffff0), std::nullopt);
  EXPECT_FALSE(devices.is_gone(1));
  EXPECT_TRUE(devices.is_gone(0xfffffff0));
  devices.start_scrape();
  EXPECT_EQ(devices.name(1), "lo");
}

TEST(NetDevices, AreReadWithoutProcfs) {
  TemporaryTree tree;
  NetDevices devices(tree.paths());
  EXPECT_EQ(devices.own_namespace(), 0u);
  EXPECT_EQ(devices.name(1), "lo");
  EXPECT_TRUE(devices.devices());
}

TEST(NetDevices, AnOrdinaryFileIsNoNamespace) {
  TemporaryTree tree;
  tree.file("proc/self/ns/net", "");
  EXPECT_EQ(NetDevices(tree.paths()).own_namespace(), 0u);
}

}  // namespace
}  // namespace kernel_exporter

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
  EXPECT_EQ(devices.name(devices.own_namespace(), 1), "lo");
  EXPECT_EQ(devices.name(devices.own_namespace(), 0), std::nullopt);
  EXPECT_EQ(devices.name(devices.own_namespace(), 0xfffffff0), std::nullopt);
  devices.start_scrape();
  EXPECT_EQ(devices.name(devices.own_namespace(), 1), "lo");
}

TEST(NetDevices, KnowNoneOfANamespaceThatIsNowhere) {
  NetDevices devices{HostPaths()};
  EXPECT_EQ(devices.name(0, 1), std::nullopt);
  EXPECT_EQ(devices.name(1, 1), std::nullopt);
}

TEST(NetDevices, AreReadWithoutProcfs) {
  TemporaryTree tree;
  NetDevices devices(tree.paths());
  EXPECT_EQ(devices.own_namespace(), 0u);
  EXPECT_EQ(devices.name(inode_of_own_namespace(), 1), std::nullopt);
  EXPECT_TRUE(devices.devices());
}

// `ip netns` leaves an ordinary file when the namespace is unmounted; its inode is no namespace.
TEST(NetworkNamespaces, AreNotOrdinaryFiles) {
  TemporaryTree tree;
  tree.file("run/netns/left_over", "");
  tree.file("proc/42/ns/net", "");
  tree.link("proc/43/ns/net", "/proc/self/ns/net");
  ASSERT_EQ(::mkfifo(tree.path("run/netns/fifo").c_str(), 0600), 0);
  NetworkNamespaces namespaces(tree.paths());
  EXPECT_FALSE(namespaces.find(static_cast<uint32_t>(tree.inode("run/netns/left_over"))));
  EXPECT_FALSE(namespaces.find(static_cast<uint32_t>(tree.inode("run/netns/fifo"))));
  namespaces.start_scrape();
  EXPECT_FALSE(namespaces.find(static_cast<uint32_t>(tree.inode("proc/42/ns/net"))));
  EXPECT_TRUE(namespaces.find(inode_of_own_namespace()));
}

TEST(NetworkNamespaces, AreSearchedOnceAScrape) {
  TemporaryTree tree;
  NetworkNamespaces namespaces(tree.paths());
  EXPECT_FALSE(namespaces.find(inode_of_own_namespace()));
  tree.link("proc/43/ns/net", "/proc/self/ns/net");
  EXPECT_FALSE(namespaces.find(inode_of_own_namespace()));
  namespaces.start_scrape();
  EXPECT_TRUE(namespaces.find(inode_of_own_namespace()));
}

TEST(NetworkNamespaces, AreNotEnteredThroughAnythingElse) {
  bool ran = false;
  EXPECT_FALSE(run_in_network_namespace(UniqueFd(), [&] { ran = true; }));
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace kernel_exporter

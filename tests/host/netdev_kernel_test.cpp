// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "host/netdev.h"

namespace kernel_exporter {
namespace {

constexpr uint32_t kIfindex = 777;
constexpr char kName[] = "ke_test_a";
constexpr char kNewName[] = "ke_test_b";

// Sends one request and reads its acknowledgement; 0 or the errno.
int request(nlmsghdr* header) {
  header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  mnl_socket* const socket = ::mnl_socket_open(NETLINK_ROUTE);
  if (!socket) return errno;
  int result = 0;
  char answer[8192];
  if (::mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
      ::mnl_socket_sendto(socket, header, header->nlmsg_len) < 0) {
    result = errno;
  } else {
    const ssize_t size = ::mnl_socket_recvfrom(socket, answer, sizeof answer);
    if (size < 0 || ::mnl_cb_run(answer, static_cast<size_t>(size), 0, 0, nullptr, nullptr) < 0) {
      result = errno;
    }
  }
  ::mnl_socket_close(socket);
  return result;
}

ifinfomsg* put_link(nlmsghdr* header, uint16_t flags) {
  header->nlmsg_type = RTM_NEWLINK;
  header->nlmsg_flags = flags;
  auto* const link =
      static_cast<ifinfomsg*>(::mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg)));
  link->ifi_family = AF_UNSPEC;
  link->ifi_index = kIfindex;
  return link;
}

int create_veth() {
  alignas(nlmsghdr) char buffer[1024] = {};
  nlmsghdr* const header = ::mnl_nlmsg_put_header(buffer);
  put_link(header, NLM_F_CREATE | NLM_F_EXCL);
  ::mnl_attr_put_strz(header, IFLA_IFNAME, kName);
  nlattr* const info = ::mnl_attr_nest_start(header, IFLA_LINKINFO);
  ::mnl_attr_put_strz(header, IFLA_INFO_KIND, "veth");
  ::mnl_attr_nest_end(header, info);
  return request(header);
}

int rename_veth() {
  alignas(nlmsghdr) char buffer[1024] = {};
  nlmsghdr* const header = ::mnl_nlmsg_put_header(buffer);
  put_link(header, 0);
  ::mnl_attr_put_strz(header, IFLA_IFNAME, kNewName);
  return request(header);
}

// The dump that brings the statistics brings the names: a device that is renamed after it keeps its
// old one until the next scrape.
TEST(NetDevicesHere, AreListedOnceAScrape) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNET) != 0 || create_veth() != 0) ::_exit(2);
    NetDevices devices{HostPaths()};
    if (!devices.devices() || rename_veth() != 0) ::_exit(3);
    const auto before = devices.name(kIfindex);
    devices.start_scrape();
    const auto after = devices.name(kIfindex);
    ::_exit(before == kName && after == kNewName ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "host/netdev.h"
#include "tests/host/temporary_tree.h"

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

// A process in a network namespace of its own that holds a veth pair, and renames it when told.
class Neighbour {
 public:
  Neighbour() {
    EXPECT_EQ(::pipe(to_child_), 0);
    EXPECT_EQ(::pipe(from_child_), 0);
    pid_ = ::fork();
    if (pid_ == 0) live();
    ::close(to_child_[0]);
    ::close(from_child_[1]);
    EXPECT_EQ(answer(), 0) << "cannot create a network namespace with a veth pair";
    struct stat status = {};
    EXPECT_EQ(::stat(place().c_str(), &status), 0);
    inode_ = static_cast<uint32_t>(status.st_ino);
  }
  ~Neighbour() { end(); }

  std::string place() const { return "/proc/" + std::to_string(pid_) + "/ns/net"; }
  uint32_t inode() const { return inode_; }

  void rename_device() {
    EXPECT_EQ(::write(to_child_[1], "r", 1), 1);
    EXPECT_EQ(answer(), 0);
  }
  void end() {
    if (pid_ <= 0) return;
    ::close(to_child_[1]);
    ::close(from_child_[0]);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  [[noreturn]] void live() {
    ::close(to_child_[1]);
    ::close(from_child_[0]);
    int result = ::unshare(CLONE_NEWNET) == 0 ? create_veth() : errno;
    char command;
    do {
      if (::write(from_child_[1], &result, sizeof result) != sizeof result) break;
      if (::read(to_child_[0], &command, 1) != 1) break;
      result = rename_veth();
    } while (true);
    ::_exit(0);
  }
  int answer() const {
    int result = -1;
    return ::read(from_child_[0], &result, sizeof result) == sizeof result ? result : -1;
  }

  int to_child_[2] = {-1, -1};
  int from_child_[2] = {-1, -1};
  pid_t pid_ = -1;
  uint32_t inode_ = 0;
};

std::string own_namespace_link() {
  char target[64];
  const ssize_t size = ::readlink("/proc/thread-self/ns/net", target, sizeof target);
  return std::string(target, static_cast<size_t>(std::max<ssize_t>(size, 0)));
}

// The dump that brings the statistics brings the names: a device that is renamed after it keeps its
// old one until the next scrape.
TEST(NetDevicesHere, AreListedOnceAScrape) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNET) != 0 || create_veth() != 0) ::_exit(2);
    NetDevices devices{HostPaths()};
    if (!devices.devices() || rename_veth() != 0) ::_exit(3);
    const auto before = devices.name(devices.own_namespace(), kIfindex);
    devices.start_scrape();
    const auto after = devices.name(devices.own_namespace(), kIfindex);
    ::_exit(before == kName && after == kNewName ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(NetDevicesElsewhere, AreNamedRenamedAndForgotten) {
  Neighbour neighbour;
  NetDevices devices{HostPaths()};
  const std::string before = own_namespace_link();
  ASSERT_NE(neighbour.inode(), devices.own_namespace());
  EXPECT_EQ(devices.name(neighbour.inode(), kIfindex), kName);
  EXPECT_EQ(devices.name(neighbour.inode(), 1), "lo");
  EXPECT_EQ(devices.name(devices.own_namespace(), kIfindex), std::nullopt);
  EXPECT_EQ(own_namespace_link(), before);

  neighbour.rename_device();
  EXPECT_EQ(devices.name(neighbour.inode(), kIfindex), kName) << "read once a scrape";
  devices.start_scrape();
  EXPECT_EQ(devices.name(neighbour.inode(), kIfindex), kNewName);

  neighbour.end();
  devices.start_scrape();
  EXPECT_EQ(devices.name(neighbour.inode(), kIfindex), std::nullopt);
}

TEST(NetDevicesElsewhere, AreFoundThroughANamedNamespace) {
  Neighbour neighbour;
  TemporaryTree tree;
  tree.file("run/netns/named", "");
  const std::string mount_point = tree.path("run/netns/named");
  ASSERT_EQ(::mount(neighbour.place().c_str(), mount_point.c_str(), nullptr, MS_BIND, nullptr), 0);
  NetDevices devices(tree.paths());
  EXPECT_EQ(devices.name(neighbour.inode(), kIfindex), kName);
  EXPECT_EQ(::umount2(mount_point.c_str(), MNT_DETACH), 0);
  devices.start_scrape();
  EXPECT_EQ(devices.name(neighbour.inode(), kIfindex), std::nullopt);
}

TEST(NetDevicesElsewhere, AreUnknownWithoutPrivilege) {
  const Neighbour neighbour;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    NetDevices devices{HostPaths()};
    const bool unknown = !devices.name(neighbour.inode(), kIfindex);
    const bool own_still_known = devices.name(devices.own_namespace(), 1) == "lo";
    ::_exit(unknown && own_still_known ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace kernel_exporter

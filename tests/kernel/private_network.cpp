// SPDX-License-Identifier: Apache-2.0
#include "private_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "text.h"

namespace kernel_exporter {
namespace {

constexpr char kOwnNamespace[] = "/proc/thread-self/ns/net";

UniqueFd open_own_namespace() {
  return UniqueFd(checked(::open(kOwnNamespace, O_RDONLY | O_CLOEXEC), kOwnNamespace));
}

}  // namespace

PrivateNetwork::PrivateNetwork() {
  const UniqueFd before = open_own_namespace();
  checked(::unshare(CLONE_NEWNET), "new network namespace");
  namespace_ = open_own_namespace();
  holder_.emplace([] { ::pause(); });
  checked(::setns(before.get(), CLONE_NEWNET), "setns");
  const Inside inside(*this);
  if (::access("/proc/sys/net/ipv6", F_OK) == 0) {
    // Neighbour discovery would be traffic of its own.
    write_text("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
    write_text("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
  }
  run_program({"ip", "link", "set", "lo", "up"});
}

PrivateNetwork::Inside::Inside(const PrivateNetwork& network) : before_(open_own_namespace()) {
  checked(::setns(network.namespace_.get(), CLONE_NEWNET), "setns");
}

PrivateNetwork::Inside::~Inside() { ::setns(before_.get(), CLONE_NEWNET); }

void PrivateNetwork::add_veth_pair(const std::string& one, const std::string& other) {
  const Inside inside(*this);
  run_program({"ip", "link", "add", one, "type", "veth", "peer", "name", other});
  run_program({"ip", "link", "set", one, "up"});
  run_program({"ip", "link", "set", other, "up"});
}

std::string PrivateNetwork::inode() const {
  struct stat status;
  checked(::fstat(namespace_.get(), &status), "network namespace");
  return std::to_string(status.st_ino);
}

LinkCounts link_counts(const std::string& device) {
  ifaddrs* first = nullptr;
  checked(::getifaddrs(&first), "getifaddrs");
  LinkCounts counts{};
  for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_PACKET || device != at->ifa_name) {
      continue;
    }
    const auto* const stats = static_cast<const rtnl_link_stats*>(at->ifa_data);
    counts = {stats->rx_packets, stats->rx_dropped};
  }
  ::freeifaddrs(first);
  return counts;
}

uint64_t snmp_counter(const std::string& protocol, const std::string& name) {
  std::vector<std::string> names;
  for (const std::string& line : lines(read_text("/proc/thread-self/net/snmp"))) {
    const std::vector<std::string> row = words(line);
    if (row.empty() || row[0] != protocol + ":") continue;
    if (names.empty()) {
      names = row;
      continue;
    }
    const auto at = std::find(names.begin(), names.end(), name) - names.begin();
    return std::stoull(row.at(static_cast<size_t>(at)));
  }
  give_up_plainly("/proc/net/snmp: no " + protocol + " " + name);
}

FrameSocket::FrameSocket(const std::string& device, uint16_t ethertype)
    : fd_(checked(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "packet socket")),
      ifindex_(static_cast<int>(::if_nametoindex(device.c_str()))) {
  if (ifindex_ == 0) give_up("device " + device);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ethertype);
  address.sll_ifindex = ifindex_;
  if (ethertype == 0) return;
  checked(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
          "packet socket on " + device);
}

void FrameSocket::broadcast(uint16_t ethertype, const std::vector<unsigned char>& payload) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ethertype);
  address.sll_ifindex = ifindex_;
  address.sll_halen = 6;
  std::memset(address.sll_addr, 0xff, 6);
  if (::sendto(fd_.get(), payload.data(), payload.size(), 0, reinterpret_cast<sockaddr*>(&address),
               sizeof address) < 0) {
    give_up("frame");
  }
}

bool FrameSocket::receive() {
  constexpr int kPatienceMs = 10'000;
  pollfd waiting = {fd_.get(), POLLIN, 0};
  char byte;
  return ::poll(&waiting, 1, kPatienceMs) == 1 && ::recv(fd_.get(), &byte, 1, MSG_TRUNC) >= 0;
}

}  // namespace kernel_exporter

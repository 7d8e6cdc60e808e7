// SPDX-License-Identifier: Apache-2.0
#include "private_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
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

namespace {

nlmsghdr* put_netfilter(char* at, unsigned int type, unsigned int flags, uint16_t resource) {
  nlmsghdr* const header = ::mnl_nlmsg_put_header(at);
  header->nlmsg_type = static_cast<uint16_t>(type);
  header->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  auto* const extra =
      static_cast<nfgenmsg*>(::mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  extra->nfgen_family = NFPROTO_IPV4;
  extra->res_id = htons(resource);
  return header;
}

}  // namespace

void drop_all_input() {
  constexpr unsigned int kTables = NFNL_SUBSYS_NFTABLES << 8;
  alignas(nlmsghdr) char buffer[1024] = {};
  char* at = buffer;
  const auto end = [&at](const nlmsghdr* header) { at += header->nlmsg_len; };
  end(put_netfilter(at, NFNL_MSG_BATCH_BEGIN, 0, NFNL_SUBSYS_NFTABLES));
  nlmsghdr* header = put_netfilter(at, kTables | NFT_MSG_NEWTABLE, NLM_F_CREATE, 0);
  ::mnl_attr_put_strz(header, NFTA_TABLE_NAME, "test");
  end(header);
  header = put_netfilter(at, kTables | NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_ACK, 0);
  ::mnl_attr_put_strz(header, NFTA_CHAIN_TABLE, "test");
  ::mnl_attr_put_strz(header, NFTA_CHAIN_NAME, "input");
  nlattr* const hook = ::mnl_attr_nest_start(header, NFTA_CHAIN_HOOK);
  ::mnl_attr_put_u32(header, NFTA_HOOK_HOOKNUM, htonl(NF_INET_LOCAL_IN));
  ::mnl_attr_put_u32(header, NFTA_HOOK_PRIORITY, 0);
  ::mnl_attr_nest_end(header, hook);
  ::mnl_attr_put_u32(header, NFTA_CHAIN_POLICY, htonl(NF_DROP));
  ::mnl_attr_put_strz(header, NFTA_CHAIN_TYPE, "filter");
  end(header);
  end(put_netfilter(at, NFNL_MSG_BATCH_END, 0, NFNL_SUBSYS_NFTABLES));

  mnl_socket* const socket = ::mnl_socket_open(NETLINK_NETFILTER);
  if (socket == nullptr || ::mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
    give_up("netfilter");
  if (::mnl_socket_sendto(socket, buffer, static_cast<size_t>(at - buffer)) < 0)
    give_up("nf_tables");
  char answer[8192];
  const ssize_t size = ::mnl_socket_recvfrom(socket, answer, sizeof answer);
  const int result =
      size < 0 ? -1 : ::mnl_cb_run(answer, static_cast<size_t>(size), 0, 0, nullptr, nullptr);
  if (result < 0) give_up("nf_tables");
  ::mnl_socket_close(socket);
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

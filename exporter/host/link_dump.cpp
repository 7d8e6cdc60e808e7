// SPDX-License-Identifier: Apache-2.0
#include "host/link_dump.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace kernel_exporter {
namespace {

constexpr char kWhat[] = "netlink: list of network devices";
// The kernel fills a datagram of a dump up to 32 KiB when the reader offers that much.
constexpr size_t kBufferSize = 32 << 10;
constexpr int kAttempts = 5;
constexpr unsigned int kSequence = 1;

struct CloseSocket {
  void operator()(mnl_socket* socket) const { ::mnl_socket_close(socket); }
};
using Socket = std::unique_ptr<mnl_socket, CloseSocket>;

Result<Socket> open_socket() {
  Socket socket(::mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (!socket) return fail_errno(errno, kWhat);
  if (::mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return fail_errno(errno, kWhat);
  // The kernel answers at once; should it ever not, a scrape must still end.
  const timeval patience = {1, 0};
  ::setsockopt(::mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &patience,
               sizeof patience);
  return socket;
}

Result<void> send_request(const Socket& socket, LinkStatistics statistics) {
  alignas(nlmsghdr) char buffer[256];
  nlmsghdr* const header = ::mnl_nlmsg_put_header(buffer);
  header->nlmsg_type = RTM_GETLINK;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header->nlmsg_seq = kSequence;
  auto* const link =
      static_cast<ifinfomsg*>(::mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg)));
  link->ifi_family = AF_UNSPEC;
  if (statistics == LinkStatistics::kSkip) {
    ::mnl_attr_put_u32(header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  }
  if (::mnl_socket_sendto(socket.get(), header, header->nlmsg_len) < 0) {
    return fail_errno(errno, kWhat);
  }
  return {};
}

int read_attribute(const nlattr* attribute, void* data) {
  NetDevice& device = *static_cast<NetDevice*>(data);
  const auto* const payload = static_cast<const char*>(::mnl_attr_get_payload(attribute));
  const size_t size = ::mnl_attr_get_payload_len(attribute);
  if (::mnl_attr_get_type(attribute) == IFLA_IFNAME) {
    device.name.assign(payload, ::strnlen(payload, size));
  } else if (::mnl_attr_get_type(attribute) == IFLA_STATS64) {
    std::memcpy(&device.stats, payload, std::min(size, sizeof device.stats));
  }
  return MNL_CB_OK;
}

int read_message(const nlmsghdr* header, void* data) {
  if (header->nlmsg_type != RTM_NEWLINK ||
      ::mnl_nlmsg_get_payload_len(header) < sizeof(ifinfomsg)) {
    return MNL_CB_OK;
  }
  NetDevice device;
  const auto* const link = static_cast<const ifinfomsg*>(::mnl_nlmsg_get_payload(header));
  device.ifindex = static_cast<uint32_t>(link->ifi_index);
  ::mnl_attr_parse(header, sizeof(ifinfomsg), read_attribute, &device);
  static_cast<std::vector<NetDevice>*>(data)->push_back(std::move(device));
  return MNL_CB_OK;
}

// 0, or the errno that ended the dump; EINTR: devices came or went meanwhile.
int receive(const Socket& socket, std::vector<NetDevice>& devices) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(kBufferSize);
  const unsigned int port = ::mnl_socket_get_portid(socket.get());
  for (;;) {
    const ssize_t size = ::mnl_socket_recvfrom(socket.get(), buffer.get(), kBufferSize);
    if (size < 0) return errno;
    const int result = ::mnl_cb_run(buffer.get(), static_cast<size_t>(size), kSequence, port,
                                    read_message, &devices);
    if (result < 0) return errno;
    if (result == MNL_CB_STOP) return 0;
  }
}

}  // namespace

Result<std::vector<NetDevice>> dump_links(LinkStatistics statistics) {
  int error_number = 0;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    // A new socket each time: what is left of an interrupted dump goes with the old one.
    const Result<Socket> socket = open_socket();
    if (!socket) return tl::unexpected(socket.error());
    if (Result<void> sent = send_request(*socket, statistics); !sent) {
      return tl::unexpected(sent.error());
    }
    std::vector<NetDevice> devices;
    error_number = receive(*socket, devices);
    if (error_number == 0) return devices;
    if (error_number != EINTR) break;
  }
  return fail_errno(error_number, kWhat);
}

}  // namespace kernel_exporter

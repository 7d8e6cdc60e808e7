// SPDX-License-Identifier: Apache-2.0
// Freed is not dropped: what connections free when they end, beside what is really dropped.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "exporter_process.h"
#include "private_network.h"
#include "text.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

constexpr char kPackets[] = "kernel_netdrop_packets_total";
constexpr int kConnections = 100;  // in each way
constexpr size_t kBytes = 1000;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  in_port_t port() const { return reinterpret_cast<const sockaddr_in*>(&storage)->sin_port; }
};

UniqueFd new_socket(int family, int type, int protocol = 0) {
  return UniqueFd(checked(::socket(family, type | SOCK_CLOEXEC, protocol), "socket"));
}

// A port of loopback.
UniqueFd bound_socket(int family, int type, Address& address) {
  UniqueFd fd = new_socket(family, type);
  if (family == AF_INET) {
    auto* const in = reinterpret_cast<sockaddr_in*>(&address.storage);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.size = sizeof *in;
  } else {
    auto* const in = reinterpret_cast<sockaddr_in6*>(&address.storage);
    in->sin6_family = AF_INET6;
    in->sin6_addr = in6addr_loopback;
    address.size = sizeof *in;
  }
  checked(::bind(fd.get(), address.get(), address.size), "bind");
  checked(::getsockname(fd.get(), address.get(), &address.size), "getsockname");
  return fd;
}

void send_bytes(const UniqueFd& from, const UniqueFd& to) {
  std::array<char, kBytes> bytes{};
  if (::send(from.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) != kBytes) give_up("send");
  if (::recv(to.get(), bytes.data(), bytes.size(), MSG_WAITALL) != kBytes) give_up("receive");
}

// Data that has arrived and is not read.
void leave_unread(const UniqueFd& from, const UniqueFd& to) {
  std::array<char, kBytes> bytes{};
  if (::send(from.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) != kBytes) give_up("send");
  if (::recv(to.get(), bytes.data(), 1, MSG_PEEK) != 1) give_up("receive");
}

void await_end(const UniqueFd& fd) {
  char byte;
  const ssize_t size = ::recv(fd.get(), &byte, 1, 0);
  if (size != 0 && !(size < 0 && errno == ECONNRESET)) give_up_plainly("the end of a connection");
}

void end(UniqueFd& fd) { fd = UniqueFd(); }

void reset(UniqueFd& fd) {
  const linger at_once = {1, 0};
  checked(::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "SO_LINGER");
  end(fd);
}

struct Pair {
  UniqueFd client;
  UniqueFd server;
};

struct Way {
  const char* name;
  void (*close)(Pair&);
};

constexpr Way kWays[] = {
    {"client first", [](Pair& p) { end(p.client), await_end(p.server), end(p.server); }},
    {"server first", [](Pair& p) { end(p.server), await_end(p.client), end(p.client); }},
    {"server first, its end not read", [](Pair& p) { end(p.server), end(p.client); }},
    {"both half closed",
     [](Pair& p) {
       ::shutdown(p.client.get(), SHUT_WR);
       ::shutdown(p.server.get(), SHUT_WR);
       await_end(p.client), await_end(p.server);
     }},
    {"half closed, then data",
     [](Pair& p) {
       ::shutdown(p.client.get(), SHUT_WR);
       await_end(p.server), send_bytes(p.server, p.client), end(p.server), await_end(p.client);
     }},
    {"closed for reading",
     [](Pair& p) {
       ::shutdown(p.client.get(), SHUT_RD);
       end(p.client), await_end(p.server);
     }},
    {"shut down",
     [](Pair& p) {
       ::shutdown(p.client.get(), SHUT_RDWR);
       await_end(p.server);
       ::shutdown(p.server.get(), SHUT_RDWR);
     }},
    {"reset by client", [](Pair& p) { reset(p.client), await_end(p.server); }},
    {"reset by server", [](Pair& p) { reset(p.server), await_end(p.client); }},
    {"reset by both", [](Pair& p) { reset(p.server), reset(p.client); }},
    {"client leaves data unread",
     [](Pair& p) { leave_unread(p.server, p.client), end(p.client), await_end(p.server); }},
    {"server leaves data unread",
     [](Pair& p) { leave_unread(p.client, p.server), end(p.server), await_end(p.client); }},
    {"data unread behind the peer's end",
     [](Pair& p) { leave_unread(p.server, p.client), end(p.server), end(p.client); }},
    {"data unread before a reset",
     [](Pair& p) { leave_unread(p.server, p.client), reset(p.server), end(p.client); }},
};

Pair connect_pair(int family, const UniqueFd& listener, Address& address) {
  Pair pair{new_socket(family, SOCK_STREAM), UniqueFd()};
  checked(::connect(pair.client.get(), address.get(), address.size), "connect");
  pair.server = UniqueFd(checked(::accept(listener.get(), nullptr, nullptr), "accept"));
  send_bytes(pair.client, pair.server);
  send_bytes(pair.server, pair.client);
  return pair;
}

// A kernel that is busy delivers later than send(2) returns.
void await(const char* what, const auto& condition) {
  for (int i = 0; !condition(); ++i) {
    if (i == 1000) give_up_plainly(what);
    ::poll(nullptr, 0, 10);
  }
}

// Sockets of clients whose end the peer has acknowledged but not answered: what is left of each is
// a short entry with the timer of TIME_WAIT.
int half_ended(const std::string& table) {
  int count = 0;
  for (const std::string& line : lines(read_text("/proc/thread-self/net/" + table))) {
    const std::vector<std::string> row = words(line);
    if (row.size() > 5 && row[3] == "05" && row[5].starts_with("03:")) ++count;
  }
  return count;
}

// The peer takes its time, so that its end meets the rest of a socket.
void close_late(int family, const UniqueFd& listener, Address& address, bool by_reset) {
  const std::string table = family == AF_INET ? "tcp" : "tcp6";
  std::vector<Pair> pairs;
  pairs.reserve(kConnections);
  for (int i = 0; i < kConnections; ++i) pairs.push_back(connect_pair(family, listener, address));
  for (Pair& pair : pairs) end(pair.client);
  await("sockets in FIN_WAIT2", [&] { return half_ended(table) >= kConnections; });
  for (Pair& pair : pairs) {
    await_end(pair.server);
    by_reset ? reset(pair.server) : end(pair.server);
  }
}

// The listener goes while a connection waits to be accepted, with data.
void leave_unaccepted(int family) {
  Address address;
  UniqueFd listener = bound_socket(family, SOCK_STREAM, address);
  checked(::listen(listener.get(), 1), "listen");
  const UniqueFd client = new_socket(family, SOCK_STREAM);
  checked(::connect(client.get(), address.get(), address.size), "connect");
  if (::send(client.get(), "data", 4, MSG_NOSIGNAL) != 4) give_up("send");
  end(listener);
  await_end(client);
}

void leave_datagram(int family) {
  Address address;
  const UniqueFd receiver = bound_socket(family, SOCK_DGRAM, address);
  const UniqueFd sender = new_socket(family, SOCK_DGRAM);
  std::array<char, kBytes> bytes{};
  if (::sendto(sender.get(), bytes.data(), bytes.size(), 0, address.get(), address.size) < 0) {
    give_up("datagram");
  }
  if (::recv(receiver.get(), bytes.data(), 1, MSG_PEEK) != 1) give_up("receive");
}

void repeat(const auto& action) {
  for (int i = 0; i < kConnections; ++i) action();
}

void connect_to_closed_port(int family) {
  Address address;
  { const UniqueFd closing = bound_socket(family, SOCK_STREAM, address); }
  repeat([&] {
    const UniqueFd client = new_socket(family, SOCK_STREAM);
    if (::connect(client.get(), address.get(), address.size) == 0 || errno != ECONNREFUSED) {
      give_up("connection to a closed port");
    }
  });
}

struct TestNetwork : PrivateNetwork {
  // In the namespace, and where the kernel does not let us find it.
  double dropped(const Samples& samples) const {
    return samples.sum(kPackets, {{"netns", inode()}}) + samples.sum(kPackets, {{"netns", "0"}});
  }
};

class NetdropNoLoss : public ::testing::TestWithParam<int> {
 protected:
  NetdropNoLoss() {
    const PrivateNetwork::Inside inside(network_);
    if (GetParam() == AF_INET6) write_text("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0");
  }

  TestNetwork network_;
};

TEST_P(NetdropNoLoss, CleanConnectionsDropNothingHoweverTheyEnd) {
  const int family = GetParam();
  const ExporterProcess exporter({full_rules("netdrop")});
  Address address;
  UniqueFd listener;
  double before = 0;
  const auto verify = [&](const char* what, double expected, const auto& action) {
    {
      const PrivateNetwork::Inside inside(network_);
      action();
    }
    const double now = network_.dropped(exporter.scrape());
    VERIFY_EQ(now - before, expected) << what;
    before = now;
  };
  verify("nothing yet", 0, [&] {
    listener = bound_socket(family, SOCK_STREAM, address);
    checked(::listen(listener.get(), 8), "listen");
  });
  for (const Way& way : kWays) {
    verify(way.name, 0, [&] {
      for (int i = 0; i < kConnections; ++i) {
        Pair pair = connect_pair(family, listener, address);
        way.close(pair);
      }
    });
  }
  verify("the peer's end comes late", 0, [&] { close_late(family, listener, address, false); });
  verify("the peer's reset comes late", 0, [&] { close_late(family, listener, address, true); });
  verify("never accepted", 0, [&] { repeat([&] { leave_unaccepted(family); }); });
  verify("datagrams never read", 0, [&] { repeat([&] { leave_datagram(family); }); });
  // The control: the one segment of each that is lost is the SYN.
  verify("refused", kConnections, [&] { connect_to_closed_port(family); });
}

INSTANTIATE_TEST_SUITE_P(Families, NetdropNoLoss, ::testing::Values(AF_INET, AF_INET6),
                         [](const auto& row) { return row.param == AF_INET ? "IPv4" : "IPv6"; });

// A segment or datagram to a port of loopback with a wrong checksum.
void send_wrong_checksum(int protocol, const Address& to, uint8_t tcp_flags, size_t payload) {
  std::vector<char> packet((protocol == IPPROTO_TCP ? sizeof(tcphdr) : sizeof(udphdr)) + payload);
  if (protocol == IPPROTO_TCP) {
    tcphdr header{};
    header.th_sport = htons(9);
    header.th_dport = to.port();
    header.th_off = sizeof header / 4;
    header.th_flags = tcp_flags;
    header.th_sum = 0x1234;
    std::memcpy(packet.data(), &header, sizeof header);
  } else {
    const udphdr header = {
        {{htons(9), to.port(), htons(static_cast<uint16_t>(packet.size())), 0x1234}}};
    std::memcpy(packet.data(), &header, sizeof header);
  }
  const UniqueFd sender = new_socket(AF_INET, SOCK_RAW, protocol);
  Address address = to;
  if (::sendto(sender.get(), packet.data(), packet.size(), 0, address.get(), address.size) < 0) {
    give_up("raw packet");
  }
}

class NetdropLoss : public ::testing::Test {
 protected:
  // `action` loses as many packets as it says; nothing else is lost in the namespace, nor where the
  // kernel does not let us find it.
  void verify_lost(const char* what, const auto& action) {
    const double before = network_.dropped(exporter_.scrape());
    double lost;
    {
      const PrivateNetwork::Inside inside(network_);
      lost = static_cast<double>(action());
    }
    VERIFY_GT(lost, 0) << what;
    const Samples samples = exporter_.scrape_until(
        [&](const Samples& now) { return network_.dropped(now) >= before + lost; });
    VERIFY_EQ(network_.dropped(samples) - before, lost) << what;
  }

  TestNetwork network_;
  ExporterProcess exporter_{{full_rules("netdrop")}};
};

uint64_t await_wrong_checksums(const char* protocol, uint64_t number) {
  await("checksum errors", [&] { return snmp_counter(protocol, "InCsumErrors") >= number; });
  return snmp_counter(protocol, "InCsumErrors");
}

TEST_F(NetdropLoss, WrongChecksums) {
  verify_lost("TCP", [] {
    Address address;
    const UniqueFd listener = bound_socket(AF_INET, SOCK_STREAM, address);
    checked(::listen(listener.get(), 8), "listen");
    repeat([&] {
      send_wrong_checksum(IPPROTO_TCP, address, TH_SYN, 0);
      send_wrong_checksum(IPPROTO_TCP, address, TH_ACK, 0);
    });
    return await_wrong_checksums("Tcp", 2 * kConnections);
  });
  verify_lost("UDP, found at once", [] {
    Address address;
    const UniqueFd receiver = bound_socket(AF_INET, SOCK_DGRAM, address);
    repeat([&] { send_wrong_checksum(IPPROTO_UDP, address, 0, 20); });
    return await_wrong_checksums("Udp", kConnections);
  });
  verify_lost("UDP, found when it is read", [] {
    Address address;
    const UniqueFd receiver = bound_socket(AF_INET, SOCK_DGRAM, address);
    const uint64_t before = snmp_counter("Udp", "InCsumErrors");
    uint64_t found = before;
    repeat([&] {
      send_wrong_checksum(IPPROTO_UDP, address, 0, kBytes);
      await("a checksum error", [&] {
        char byte;
        if (::recv(receiver.get(), &byte, 1, MSG_DONTWAIT) >= 0) give_up_plainly("wrong datagram");
        return snmp_counter("Udp", "InCsumErrors") > found;
      });
      found = snmp_counter("Udp", "InCsumErrors");
    });
    return found - before;
  });
}

TEST_F(NetdropLoss, FullReceiveBuffer) {
  verify_lost("receive buffer", [] {
    Address address;
    const UniqueFd receiver = bound_socket(AF_INET, SOCK_DGRAM, address);
    const int size = 1;  // the kernel takes its minimum
    checked(::setsockopt(receiver.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size), "SO_RCVBUF");
    const UniqueFd sender = new_socket(AF_INET, SOCK_DGRAM);
    std::array<char, kBytes> bytes{};
    repeat([&] {
      if (::sendto(sender.get(), bytes.data(), bytes.size(), 0, address.get(), address.size) < 0) {
        give_up("datagram");
      }
    });
    uint64_t received = 0;
    await("the last datagram", [&] {
      while (::recv(receiver.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) >= 0) ++received;
      return received + snmp_counter("Udp", "RcvbufErrors") == kConnections;
    });
    return snmp_counter("Udp", "RcvbufErrors");
  });
}

// What reaches IP on `right`: a datagram from an address that is not reached through it.
std::vector<unsigned char> packet_of_a_stranger() {
  iphdr header{};
  header.ihl = 5;
  header.version = 4;
  header.tot_len = htons(sizeof header);
  header.ttl = 1;
  header.protocol = IPPROTO_UDP;
  header.saddr = ::inet_addr("198.51.100.1");
  header.daddr = ::inet_addr("192.0.2.1");
  std::array<uint16_t, sizeof header / 2> halves;
  std::memcpy(halves.data(), &header, sizeof header);
  uint32_t sum = 0;
  for (const uint16_t half : halves) sum += half;
  header.check = static_cast<uint16_t>(~((sum & 0xffff) + (sum >> 16)));
  std::vector<unsigned char> packet(sizeof header);
  std::memcpy(packet.data(), &header, sizeof header);
  return packet;
}

TEST_F(NetdropLoss, ReversePathFilter) {
  network_.add_veth_pair("left", "right");
  verify_lost("rp_filter", [] {
    run_program({"ip", "address", "add", "192.0.2.1/24", "dev", "right"});
    write_text("/proc/sys/net/ipv4/conf/right/rp_filter", "1");
    FrameSocket sender("left", 0);
    const std::vector<unsigned char> packet = packet_of_a_stranger();
    repeat([&] { sender.broadcast(0x0800, packet); });
    return kConnections;
  });
}

TEST_F(NetdropLoss, Netfilter) {
  verify_lost("netfilter", [] {
    drop_all_input();
    Address address;
    const UniqueFd receiver = bound_socket(AF_INET, SOCK_DGRAM, address);
    const UniqueFd sender = new_socket(AF_INET, SOCK_DGRAM);
    repeat([&] {
      if (::sendto(sender.get(), "data", 4, 0, address.get(), address.size) < 0)
        give_up("datagram");
    });
    return kConnections;
  });
}

}  // namespace
}  // namespace kernel_exporter

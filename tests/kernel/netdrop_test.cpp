// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>

#include "exporter_process.h"
#include "private_network.h"
#include "temporary_folder.h"
#include "text.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

constexpr char kPackets[] = "kernel_netdrop_packets_total";
constexpr char kBytes[] = "kernel_netdrop_bytes_total";
constexpr char kRxDropped[] = "kernel_netdev_rx_dropped_total";

constexpr uint16_t kUnknownEthertype = 0x88b5;  // IEEE 802 local experimental
constexpr int kFrames = 500;
constexpr int kDatagrams = 300;
constexpr int kFrameBytes = 100;

// Whether the kernel says why it drops, by the event's own description.
bool kernel_has_reasons() {
  const std::string format = read_text("/sys/kernel/tracing/events/skb/kfree_skb/format");
  return format.find("reason") != std::string::npos;
}

std::string reason_or_unknown(const std::string& reason) {
  return kernel_has_reasons() ? reason : "unknown";
}

// 500 frames from `left` to `right`, with or without somebody there who wants them; returns how
// many he got.
int send_frames(const PrivateNetwork& network, bool handled) {
  const PrivateNetwork::Inside inside(network);
  FrameSocket sender("left", 0);
  std::optional<FrameSocket> receiver;
  if (handled) receiver.emplace("right", kUnknownEthertype);
  const std::vector<unsigned char> payload(kFrameBytes);
  int received = 0;
  for (int i = 0; i < kFrames; ++i) {
    sender.broadcast(kUnknownEthertype, payload);
    if (receiver && receiver->receive()) ++received;
  }
  return received;
}

// 300 datagrams over lo to a port that is open or closed.
int send_datagrams(const PrivateNetwork& network, bool open) {
  const PrivateNetwork::Inside inside(network);
  UniqueFd receiver(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  checked(::bind(receiver.get(), name, size), "bind");
  checked(::getsockname(receiver.get(), name, &size), "getsockname");
  if (!open) const UniqueFd closing = std::move(receiver);
  const UniqueFd sender(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  int received = 0;
  for (int i = 0; i < kDatagrams; ++i) {
    char byte = 0;
    if (::sendto(sender.get(), &byte, 1, 0, name, size) != 1) give_up("datagram");
    if (receiver && ::recv(receiver.get(), &byte, 1, 0) == 1) ++received;
  }
  return received;
}

LinkCounts counts_of(const PrivateNetwork& network, const std::string& device) {
  const PrivateNetwork::Inside inside(network);
  return link_counts(device);
}

uint64_t datagrams_without_port(const PrivateNetwork& network) {
  const PrivateNetwork::Inside inside(network);
  return snmp_counter("Udp", "NoPorts");
}

Samples scrape_until_sum(const ExporterProcess& exporter, const std::string& name,
                         const Samples::Labels& labels, double wanted) {
  return exporter.scrape_until(
      [&](const Samples& samples) { return samples.sum(name, labels) >= wanted; });
}

TEST(Netdrop, CountsFramesThatNobodyHandles) {
  PrivateNetwork network;
  network.add_veth_pair("left", "right");
  const ExporterProcess exporter({full_rules("netdrop")});
  const Samples::Labels here = {{"netns", network.inode()}, {"device", "right"}};
  Samples::Labels drop = here;
  drop["reason"] = reason_or_unknown("unhandled_proto");
  VERIFY_EQ(exporter.scrape().sum(kPackets, here), 0);

  // The same frames with a receiver are delivered, and add nothing.
  VERIFY_EQ(send_frames(network, true), kFrames);
  VERIFY_EQ(exporter.scrape().sum(kPackets, here), 0);
  VERIFY_EQ(counts_of(network, "right").rx_dropped, 0u);

  send_frames(network, false);
  const Samples samples = scrape_until_sum(exporter, kPackets, drop, kFrames);
  VERIFY_EQ(samples.sum(kPackets, drop), kFrames);
  VERIFY_EQ(samples.sum(kPackets, here), kFrames);
  VERIFY_EQ(samples.sum(kBytes, drop), kFrames * kFrameBytes);
  VERIFY_EQ(counts_of(network, "right").rx_dropped, static_cast<uint64_t>(kFrames));
  VERIFY_EQ(counts_of(network, "right").rx_packets, 2u * kFrames);
  // Nothing of it elsewhere in that network namespace.
  VERIFY_EQ(samples.sum(kPackets, {{"netns", network.inode()}}), kFrames);
}

TEST(Netdrop, CountsDatagramsToAClosedPort) {
  const PrivateNetwork network;
  const ExporterProcess exporter({full_rules("netdrop")});
  const Samples::Labels here = {{"netns", network.inode()}};
  const Samples::Labels drop = {
      {"netns", network.inode()}, {"device", "lo"}, {"reason", reason_or_unknown("no_socket")}};
  VERIFY_EQ(send_datagrams(network, true), kDatagrams);
  VERIFY_EQ(exporter.scrape().sum(kPackets, here), 0);
  VERIFY_EQ(datagrams_without_port(network), 0u);

  send_datagrams(network, false);
  const Samples samples = scrape_until_sum(exporter, kPackets, drop, kDatagrams);
  VERIFY_EQ(samples.sum(kPackets, drop), kDatagrams);
  VERIFY_EQ(samples.sum(kPackets, here), kDatagrams);
  VERIFY_EQ(datagrams_without_port(network), static_cast<uint64_t>(kDatagrams));
}

TEST(Netdrop, KeepsNetworkNamespacesApart) {
  PrivateNetwork one;
  PrivateNetwork other;
  one.add_veth_pair("left", "right");
  other.add_veth_pair("left", "right");
  const ExporterProcess exporter({full_rules("netdrop")});
  send_frames(one, false);
  const Samples::Labels dropped_in_one = {{"netns", one.inode()}, {"device", "right"}};
  const Samples samples = scrape_until_sum(exporter, kPackets, dropped_in_one, kFrames);
  VERIFY_EQ(samples.sum(kPackets, dropped_in_one), kFrames);
  VERIFY_EQ(samples.count(kPackets, {{"netns", other.inode()}}), 0u);
}

// Any user can make a namespace with a device named like one of ours.
TEST(Netdrop, AnotherNamespaceCannotCountForOurDevices) {
  PrivateNetwork ours;
  PrivateNetwork other;
  ours.add_veth_pair("left", "right");
  other.add_veth_pair("left", "right");
  const PrivateNetwork::Inside inside(ours);
  const std::string reason = reason_or_unknown("unhandled_proto");
  for (const std::string& rules : {default_rules("netdrop"), full_rules("netdrop")}) {
    const bool full = rules == full_rules("netdrop");
    const ExporterProcess exporter({rules});
    send_frames(other, false);
    Samples::Labels elsewhere = {{"device", full ? "right" : "other_netns"}, {"reason", reason}};
    Samples::Labels here = {{"device", "right"}, {"reason", reason}};
    if (full) elsewhere["netns"] = other.inode(), here["netns"] = ours.inode();
    Samples samples = scrape_until_sum(exporter, kPackets, elsewhere, kFrames);
    VERIFY_EQ(samples.sum(kPackets, elsewhere), kFrames);
    VERIFY_EQ(samples.sum(kPackets, here), 0);
    send_frames(ours, false);
    samples = scrape_until_sum(exporter, kPackets, here, kFrames);
    VERIFY_EQ(samples.sum(kPackets, here), kFrames);
    VERIFY_EQ(samples.sum(kPackets, elsewhere), kFrames);
  }
}

// A frame is lost on each of so many devices, which are gone afterwards.
void send_through_short_lived_devices(const PrivateNetwork& network, int devices) {
  const PrivateNetwork::Inside inside(network);
  const TemporaryFolder folder;
  const auto for_each = [&](const std::string& commands) {
    const std::string path = folder.path() + "/commands";
    std::ofstream file(path);
    for (int i = 0; i < devices; ++i) {
      for (const char c : commands) c == '#' ? file << i : file << c;
    }
    file.close();
    run_program({"ip", "-batch", path});
  };
  for_each("link add in# type veth peer name out#\nlink set in# up\nlink set out# up\n");
  for (int i = 0; i < devices; ++i) {
    FrameSocket("in" + std::to_string(i), 0)
        .broadcast(kUnknownEthertype, std::vector<unsigned char>(kFrameBytes));
  }
  for_each("link del in#\n");
}

// The rules with another setting at their top.
std::string with_setting(const TemporaryFolder& folder, const std::string& setting,
                         const std::string& rules) {
  std::string path = folder.path() + "/netdrop.yaml";
  std::ofstream(path) << setting << "\n" << read_text(rules);
  return path;
}

TEST(Netdrop, DevicesThatAreGoneLeaveNoKeysAndTakeNoRoom) {
  constexpr int kDevices = 70;  // more than the default rules have series
  constexpr int kRounds = 2;    // together more than the map has room for
  PrivateNetwork network;
  network.add_veth_pair("left", "right");
  const PrivateNetwork::Inside inside(network);
  const TemporaryFolder folder;
  const ExporterProcess exporter(
      {with_setting(folder, "max_entries: {netdrop: 128}", default_rules("netdrop"))});
  // Shown from half of the map on.
  const Samples::Labels map = {{"map", "netdrop"}};
  const auto keys = [&map](const Samples& samples) {
    return samples.sum("kernel_exporter_map_entries", map);
  };
  for (int round = 1; round <= kRounds; ++round) {
    send_through_short_lived_devices(network, kDevices);
    Samples samples = exporter.scrape();
    VERIFY_EQ(samples.sum(kPackets), round * kDevices);
    VERIFY_GE(keys(samples), kDevices);
    samples = exporter.scrape_until([&](const Samples& now) { return keys(now) == 0; });
    VERIFY_EQ(keys(samples), 0);
    VERIFY_EQ(samples.sum(kPackets), round * kDevices);
  }
  send_frames(network, false);
  const Samples::Labels here = {{"device", "right"}};
  const Samples samples = scrape_until_sum(exporter, kPackets, here, kFrames);
  VERIFY_EQ(samples.sum(kPackets, here), kFrames);
  VERIFY_EQ(samples.sum(kPackets), kRounds * kDevices + kFrames);
  VERIFY_EQ(samples.sum("kernel_exporter_probe_lost_events_total", {{"probe", "netdrop"}}), 0);
}

TEST(Netdrop, OtherNamespacesCannotFillTheMap) {
  constexpr int kDevices = 20;
  constexpr int kRoom = 4;
  PrivateNetwork ours;
  PrivateNetwork other;
  ours.add_veth_pair("left", "right");
  const PrivateNetwork::Inside inside(ours);
  const TemporaryFolder folder;
  const ExporterProcess exporter(
      {with_setting(folder, "max_entries: {netdrop_netns: 4}", full_rules("netdrop"))});
  const Samples::Labels there = {{"netns", other.inode()}};
  const Samples::Labels not_told_apart = {{"device", "other_netns"}};
  send_through_short_lived_devices(other, kDevices);
  Samples samples = exporter.scrape();
  VERIFY_EQ(samples.sum(kPackets, there), kRoom);
  VERIFY_EQ(samples.sum(kPackets, not_told_apart), kDevices - kRoom);
  // Keys that count nothing any more are removed, and others find room.
  samples = exporter.scrape_until([](const Samples& now) {
    return now.count("kernel_exporter_map_entries", {{"map", "netdrop_netns"}}) == 0;
  });
  VERIFY_EQ(samples.sum(kPackets, there), kRoom);
  send_through_short_lived_devices(other, 1);
  send_frames(ours, false);
  const Samples::Labels here = {{"netns", ours.inode()}, {"device", "right"}};
  samples = scrape_until_sum(exporter, kPackets, here, kFrames);
  VERIFY_EQ(samples.sum(kPackets, here), kFrames);
  VERIFY_EQ(samples.sum(kPackets, there), kRoom + 1);
  VERIFY_EQ(samples.sum(kPackets, not_told_apart), kDevices - kRoom);
  VERIFY_EQ(samples.sum("kernel_exporter_probe_lost_events_total", {{"probe", "netdrop"}}), 0);
}

TEST(Netdrop, ARenamedDeviceIsNotCountedTwice) {
  PrivateNetwork network;
  network.add_veth_pair("left", "right");
  const PrivateNetwork::Inside inside(network);
  const ExporterProcess exporter({default_rules("netdrop")});
  const auto rename = [](const char* from, const char* to) {
    run_program({"ip", "link", "set", from, "down"});
    run_program({"ip", "link", "set", from, "name", to});
    run_program({"ip", "link", "set", to, "up"});
  };
  send_frames(network, false);
  for (const char* metric : {kRxDropped, kPackets}) {
    scrape_until_sum(exporter, metric, {{"device", "right"}}, kFrames);
  }
  for (int i = 0; i < 2; ++i) {
    rename("right", "renamed");
    exporter.scrape();
    rename("renamed", "right");
    exporter.scrape();
  }
  const Samples samples = exporter.scrape();
  for (const char* metric : {kRxDropped, kPackets}) {
    VERIFY_EQ(samples.sum(metric, {{"device", "right"}}), kFrames) << metric;
    VERIFY_EQ(samples.sum(metric, {{"device", "renamed"}}), 0) << metric;
  }
}

TEST(Netdrop, ADeviceThatWasElsewhereIsNotCountedTwice) {
  PrivateNetwork network;
  network.add_veth_pair("left", "right");
  const PrivateNetwork::Inside inside(network);
  const ChildProcess elsewhere([] {
    if (::unshare(CLONE_NEWNET) == 0) ::pause();
  });
  const ExporterProcess exporter({default_rules("netdrop")});
  send_frames(network, false);
  const Samples::Labels right = {{"device", "right"}};
  scrape_until_sum(exporter, kRxDropped, right, kFrames);
  const std::string pid = std::to_string(elsewhere.pid());
  for (int i = 0; i < 2; ++i) {
    run_program({"ip", "link", "set", "right", "netns", pid});
    VERIFY_EQ(exporter.scrape().sum(kRxDropped, right), kFrames);
    run_program({"nsenter", "-t", pid, "-n", "ip", "link", "set", "right", "netns",
                 std::to_string(exporter.pid())});
    VERIFY_EQ(exporter.scrape().sum(kRxDropped, right), kFrames);
  }
  // It goes on from there.
  run_program({"ip", "link", "set", "right", "up"});
  for (int i = 0; i < 100 && link_counts("right").rx_dropped == kFrames; ++i) {
    send_frames(network, false);  // lost until the kernel has seen that `left` has a carrier again
    ::poll(nullptr, 0, 20);
  }
  const auto dropped = static_cast<double>(link_counts("right").rx_dropped);
  VERIFY_GT(dropped, kFrames);
  VERIFY_EQ(exporter.scrape().sum(kRxDropped, right), dropped);
}

TEST(Netdrop, ExportsTheDropsThatNetlinkCountsInItsOwnNamespace) {
  PrivateNetwork network;
  network.add_veth_pair("left", "right");
  const PrivateNetwork::Inside inside(network);
  const ExporterProcess exporter({default_rules("netdrop")});
  const Samples before = exporter.scrape();
  const std::set<std::string> exported = before.label_values(kRxDropped, "device");
  const std::set<std::string> devices = {"left", "lo", "right"};
  VERIFY_TRUE(std::includes(exported.begin(), exported.end(), devices.begin(), devices.end()));
  VERIFY_EQ(before.sum(kRxDropped), 0);
  send_frames(network, false);
  const Samples::Labels drop = {{"device", "right"},
                                {"reason", reason_or_unknown("unhandled_proto")}};
  const Samples::Labels right = {{"device", "right"}};
  const Samples after = exporter.scrape_until([&](const Samples& samples) {
    return samples.sum(kPackets, drop) >= kFrames && samples.sum(kRxDropped, right) >= kFrames;
  });
  VERIFY_EQ(after.sum(kRxDropped, right), kFrames);
  VERIFY_EQ(after.sum(kRxDropped, right), link_counts("right").rx_dropped);
  VERIFY_EQ(after.sum(kRxDropped), kFrames);
  VERIFY_EQ(after.sum(kPackets, drop), kFrames);
}

}  // namespace
}  // namespace kernel_exporter

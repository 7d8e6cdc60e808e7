// SPDX-License-Identifier: Apache-2.0
#include "metrics/netdrop_keys.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "bpf/netdrop.h"

namespace kernel_exporter {
namespace {

std::string id_of(const Snapshot& snapshot, size_t entry) {
  const auto bytes = snapshot.key(entry);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

uint64_t packets_of(const Snapshot& snapshot, size_t entry) {
  static_assert(offsetof(netdrop_stats, packets) == 0);
  uint64_t sum = 0;
  for (uint32_t cpu = 0; cpu < snapshot.cpus; ++cpu) {
    uint64_t packets;
    std::memcpy(&packets, snapshot.value(entry, cpu).data(), sizeof packets);
    sum += packets;
  }
  return sum;
}

}  // namespace

std::vector<std::string> NetdropKeys::outdated(const std::string& map, const Snapshot& snapshot,
                                               uint32_t max_entries, NetDevices& devices) {
  if (map == "netdrop") return gone(snapshot, devices);
  if (map == "netdrop_netns") return idle(snapshot, max_entries);
  return {};
}

std::vector<std::string> NetdropKeys::gone(const Snapshot& snapshot, NetDevices& devices) {
  std::vector<std::string> outdated;
  std::set<std::string> gone;
  for (size_t i = 0; i < snapshot.entries; ++i) {
    netdrop_key key;
    std::memcpy(&key, snapshot.key(i).data(), sizeof key);
    if (key.netns != devices.own_namespace() || key.ifindex == 0) continue;
    if (!devices.is_gone(key.ifindex)) continue;
    std::string id = id_of(snapshot, i);
    if (gone_.contains(id)) outdated.push_back(id);
    gone.insert(std::move(id));
  }
  gone_ = std::move(gone);
  return outdated;
}

std::vector<std::string> NetdropKeys::idle(const Snapshot& snapshot, uint32_t max_entries) {
  std::vector<std::string> outdated;
  std::map<std::string, uint64_t> counted;
  const bool crowded = snapshot.entries > max_entries / 2;
  for (size_t i = 0; crowded && i < snapshot.entries; ++i) {
    std::string id = id_of(snapshot, i);
    const uint64_t now = packets_of(snapshot, i);
    const auto before = counted_.find(id);
    if (before != counted_.end() && before->second == now) outdated.push_back(id);
    counted.emplace(std::move(id), now);
  }
  counted_ = std::move(counted);
  return outdated;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "metrics/netdrop_keys.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "bpf/netdrop.h"

namespace kernel_exporter {
namespace {

uint64_t packets(const Snapshot& snapshot, size_t entry) {
  uint64_t sum = 0;
  for (uint32_t cpu = 0; cpu < snapshot.cpus; ++cpu) {
    netdrop_stats stats;
    std::memcpy(&stats, snapshot.value(entry, cpu).data(), sizeof stats);
    sum += stats.packets;
  }
  return sum;
}

}  // namespace

bool NetdropKeys::are_in(const std::string& map) {
  return map == "netdrop" || map == "netdrop_netns";
}

std::vector<std::string> NetdropKeys::outdated(const Snapshot& snapshot, uint32_t max_entries,
                                               NetDevices& devices) {
  std::vector<std::string> outdated;
  std::set<std::string> gone;
  std::map<std::string, uint64_t> counted;
  const bool crowded = snapshot.entries > max_entries / 2;
  for (size_t i = 0; i < snapshot.entries; ++i) {
    const auto bytes = snapshot.key(i);
    netdrop_key key;
    std::memcpy(&key, bytes.data(), sizeof key);
    if (key.netns == 0 || key.ifindex == 0) continue;
    const bool own = key.netns == devices.own_namespace();
    if (own ? !devices.is_gone(key.ifindex) : !crowded) continue;
    std::string id(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (own) {
      if (gone_.contains(id)) outdated.push_back(id);
      gone.insert(std::move(id));
    } else {
      const uint64_t now = packets(snapshot, i);
      const auto before = counted_.find(id);
      if (before != counted_.end() && before->second == now) outdated.push_back(id);
      counted.emplace(std::move(id), now);
    }
  }
  gone_ = std::move(gone);
  counted_ = std::move(counted);
  return outdated;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "metrics/host_snapshot.h"

#include <linux/if_link.h>

#include <cstddef>
#include <cstring>

#include "host/mtd.h"
#include "rules/mtd_layout.h"
#include "rules/netlink_layout.h"

namespace kernel_exporter {
namespace {

template <typename Key, typename Value>
void size_for(size_t entries, Snapshot& snapshot) {
  snapshot.key_size = snapshot.identity_size = sizeof(Key);
  snapshot.value_size = snapshot.value_stride = sizeof(Value);
  snapshot.cpus = 1;
  snapshot.entries = entries;
  snapshot.keys.assign(entries * sizeof(Key), std::byte{0});
  snapshot.values.resize(entries * sizeof(Value));
}

template <typename Key, typename Value>
void put(Snapshot& snapshot, size_t entry, const Key& key, const Value& value) {
  std::memcpy(snapshot.keys.data() + entry * sizeof key, &key, sizeof key);
  std::memcpy(snapshot.values.data() + entry * sizeof value, &value, sizeof value);
}

}  // namespace

Result<void> read_netlink(HostTables& host, Snapshot& snapshot) {
  const auto devices = host.netdevs.devices();
  if (!devices) return fail(devices.error().message);
  size_for<NetlinkKey, rtnl_link_stats64>(devices->size(), snapshot);
  // A device can be renamed.
  static_assert(offsetof(NetlinkKey, ifindex) == 0);
  snapshot.identity_size = sizeof(NetlinkKey::ifindex);
  size_t entry = 0;
  for (const NetDevice& device : *devices) {
    NetlinkKey key{};
    device.name.copy(key.ifname, sizeof key.ifname - 1);
    key.ifindex = device.ifindex;
    put(snapshot, entry++, key, device.stats);
  }
  return {};
}

void read_mtd(const HostPaths& paths, Snapshot& snapshot) {
  const std::vector<MtdDevice> devices = mtd_devices(paths);
  size_for<MtdKey, MtdValue>(devices.size(), snapshot);
  size_t entry = 0;
  for (const MtdDevice& device : devices) {
    MtdKey key{};
    mtd_name(device.index).copy(key.mtd, sizeof key.mtd - 1);
    key.index = device.index;
    put(snapshot, entry++, key,
        MtdValue{device.ecc_failures, device.corrected_bits, device.bad_blocks});
  }
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "host/netdev.h"
#include "probe/snapshot.h"

namespace kernel_exporter {

// Which keys of one of netdrop's maps (bpf/netdrop.bpf.c) are of no use any more, so that the map
// does not fill up: of our own network namespace those of devices that are gone; of the others, of
// which we know nothing, those that count nothing once half of the map is used. Used under the
// scrape lock.
class NetdropKeys {
 public:
  // In the snapshot of the map, which was read after the list of devices. A device must be gone in
  // two snapshots: in the first one it may be too new for the list.
  std::vector<std::string> outdated(const std::string& map, const Snapshot& snapshot,
                                    uint32_t max_entries, NetDevices& devices);

 private:
  std::vector<std::string> gone(const Snapshot& snapshot, NetDevices& devices);
  std::vector<std::string> idle(const Snapshot& snapshot, uint32_t max_entries);

  std::set<std::string> gone_;               // keys of devices that were gone in the last snapshot
  std::map<std::string, uint64_t> counted_;  // by the keys of other namespaces until then
};

}  // namespace kernel_exporter

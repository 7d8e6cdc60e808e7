// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "host/cgroup.h"
#include "probe/generation.h"
#include "probe/map_keys.h"

namespace kernel_exporter {

// Keeps the ids of the cgroups that a rule selects as the keys of a map; the program in the kernel
// counts for those keys alone. Used under the scrape lock.
class CgroupSelection {
 public:
  // The generation has the map.
  CgroupSelection(std::shared_ptr<const Generation> generation, ObjectSource object,
                  std::string map, std::vector<std::string> globs);

  // Adds cgroups that came and removes those that went, after their last numbers were read. A
  // cgroup is counted from the first update after it was made, and has its path until it is removed
  // from the map, though it may be gone. Failures are logged once each kind.
  void update(Cgroups& cgroups);

  // For reloads: another selection for the same map hands its keys over, or takes them back.
  bool replaces(const CgroupSelection& old) const;
  void take_over(const CgroupSelection& old);
  void remove_all(Cgroups& cgroups) const;

 private:
  bool add(const MapKeys& keys, uint64_t id);
  MapKeys keys() const;

  std::shared_ptr<const Generation> generation_;
  ObjectSource object_;
  std::string map_;
  std::vector<std::string> globs_;
  std::set<uint64_t> selected_;
  bool complained_ = false;
};

}  // namespace kernel_exporter

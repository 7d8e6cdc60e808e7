// SPDX-License-Identifier: Apache-2.0
#include "metrics/cgroup_selection.h"

#include "base/log.h"

namespace kernel_exporter {

CgroupSelection::CgroupSelection(int map_fd, std::string map, uint32_t value_size,
                                 std::vector<std::string> globs)
    : map_fd_(map_fd), keys_(map_fd, value_size), map_(std::move(map)), globs_(std::move(globs)) {}

void CgroupSelection::update(const Cgroups& cgroups) {
  const auto found = cgroups.match(globs_);
  if (!found) {
    if (!complained_) spdlog::warn("cgroups for map {}: {}", map_, found.error().message);
    complained_ = true;
    return;
  }
  std::set<uint64_t> wanted;
  for (const Cgroup& cgroup : *found) wanted.insert(cgroup.id);
  for (auto id = selected_.begin(); id != selected_.end();) {
    if (wanted.contains(*id)) {
      ++id;
    } else {
      keys_.remove(std::as_bytes(std::span(&*id, 1)));
      id = selected_.erase(id);
    }
  }
  for (const uint64_t id : wanted) {
    if (!selected_.contains(id) && add(id)) selected_.insert(id);
  }
}

void CgroupSelection::take_over(const CgroupSelection& old) {
  selected_.insert(old.selected_.begin(), old.selected_.end());
}

void CgroupSelection::remove_all() const {
  for (const uint64_t id : selected_) keys_.remove(std::as_bytes(std::span(&id, 1)));
}

bool CgroupSelection::add(uint64_t id) {
  const int failure = keys_.add(std::as_bytes(std::span(&id, 1)));
  if (failure == 0) return true;
  if (!complained_) {
    spdlog::warn("map {} is full, not all selected cgroups fit: {}; raise its max_entries", map_,
                 errno_text(failure));
  }
  complained_ = true;
  return false;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "metrics/cgroup_selection.h"

#include "base/log.h"

namespace kernel_exporter {

CgroupSelection::CgroupSelection(std::shared_ptr<const Generation> generation, ObjectSource object,
                                 std::string map, std::vector<std::string> globs)
    : generation_(std::move(generation)),
      object_(std::move(object)),
      map_(std::move(map)),
      globs_(std::move(globs)) {}

bool CgroupSelection::replaces(const CgroupSelection& old) const {
  return generation_ == old.generation_ && object_ == old.object_ && map_ == old.map_;
}

MapKeys CgroupSelection::keys() const {
  return {generation_->map_fd(map_, object_), generation_->map(map_, object_)->value_size};
}

void CgroupSelection::update(Cgroups& cgroups) {
  const auto found = cgroups.match(globs_);
  if (!found) {
    if (!complained_) spdlog::warn("cgroups for map {}: {}", map_, found.error().message);
    complained_ = true;
    return;
  }
  const MapKeys map_keys = keys();
  std::set<uint64_t> wanted;
  for (const Cgroup& cgroup : *found) wanted.insert(cgroup.id);
  for (auto id = selected_.begin(); id != selected_.end();) {
    if (wanted.contains(*id)) {
      ++id;
    } else {
      map_keys.remove(std::as_bytes(std::span(&*id, 1)));
      cgroups.forget(*id);
      id = selected_.erase(id);
    }
  }
  for (const Cgroup& cgroup : *found) {
    cgroups.keep(cgroup);
    if (!selected_.contains(cgroup.id) && add(map_keys, cgroup.id)) selected_.insert(cgroup.id);
  }
}

void CgroupSelection::take_over(const CgroupSelection& old) {
  selected_.insert(old.selected_.begin(), old.selected_.end());
}

void CgroupSelection::remove_all(Cgroups& cgroups) const {
  const MapKeys map_keys = keys();
  for (const uint64_t id : selected_) {
    map_keys.remove(std::as_bytes(std::span(&id, 1)));
    cgroups.forget(id);
  }
}

bool CgroupSelection::add(const MapKeys& keys, uint64_t id) {
  const int failure = keys.add(std::as_bytes(std::span(&id, 1)));
  if (failure == 0) return true;
  if (!complained_) {
    spdlog::warn("map {} is full, not all selected cgroups fit: {}; raise its max_entries", map_,
                 errno_text(failure));
  }
  complained_ = true;
  return false;
}

}  // namespace kernel_exporter

#include "metrics/cgroup_selection.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"

namespace kernel_exporter {

CgroupSelection::CgroupSelection(int map_fd, std::string map, uint32_t value_size,
                                 std::vector<std::string> globs)
    : map_fd_(map_fd), map_(std::move(map)), globs_(std::move(globs)) {
  const size_t stride = (value_size + 7) / 8 * 8;
  zeros_.resize(stride * static_cast<size_t>(std::max(1, libbpf_num_possible_cpus())));
}

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
      bpf_map_delete_elem(map_fd_, &*id);
      id = selected_.erase(id);
    }
  }
  for (const uint64_t id : wanted) {
    if (!selected_.contains(id) && add(id)) selected_.insert(id);
  }
}

bool CgroupSelection::add(uint64_t id) {
  if (bpf_map_update_elem(map_fd_, &id, zeros_.data(), BPF_NOEXIST) == 0 || errno == EEXIST) {
    return true;
  }
  if (!complained_) {
    spdlog::warn("map {} has no room for all selected cgroups: {}; raise its max_entries", map_,
                 errno_text(errno));
  }
  complained_ = true;
  return false;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/cgroup/cgroup_adapter.h"

#include <chrono>

#include "host/cgroup_mount.h"

namespace kernel_exporter {
namespace {

constexpr std::chrono::seconds kInterval{1};

std::vector<CgroupEngine> below_root(std::vector<CgroupEngine> engines, const HostPaths& paths) {
  for (CgroupEngine& engine : engines) engine.glob = cgroup_below_root(paths, engine.glob);
  return engines;
}

}  // namespace

CgroupAdapter::CgroupAdapter(std::vector<CgroupEngine> engines, EngineHost host)
    : engines_(below_root(std::move(engines), host.paths)),
      host_(std::move(host)),
      cgroups_(host_.paths),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void CgroupAdapter::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    look();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, kInterval, [] { return false; });
  }
}

// One that is found at rest at the first look has ended while nobody looked, if it has begun at
// all.
void CgroupAdapter::look() {
  for (const CgroupEngine& engine : engines_) {
    const auto looked = working_cgroup(engine.glob);
    log_.tried(looked);
    if (!looked) continue;
    const std::string& cgroup = *looked;
    const auto before = working_.find(engine.engine);
    const bool known = before != working_.end();
    const bool worked = known && before->second;
    working_[engine.engine] = !cgroup.empty();
    if (known && worked == !cgroup.empty()) continue;
    if (cgroup.empty()) {
      tell_end(engine.engine);
      continue;
    }
    EngineStarted started;
    started.work.states = {OtaState::kApplying};
    started.cgroup = cgroup;
    host_.listener({engine.engine, std::move(started)});
  }
}

Result<std::string> CgroupAdapter::working_cgroup(const std::string& glob) const {
  const auto found = cgroups_.match({glob});
  if (!found) return tl::unexpected(found.error());
  for (const Cgroup& cgroup : *found) {
    if (cgroup_populated(host_.paths, cgroup.path)) return cgroup.path;
  }
  return std::string();
}

void CgroupAdapter::tell_end(const std::string& engine) {
  const std::string detail = "the last process of its cgroup has ended";
  if (host_.troubled(engine)) {
    host_.listener({engine, EngineFailed{OtaCause::kEngineError, detail}});
  } else {
    host_.listener({engine, EngineInstalled{"", detail}});
  }
}

}  // namespace kernel_exporter

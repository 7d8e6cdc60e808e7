// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/cgroup/cgroup_adapter.h"

#include <chrono>

namespace kernel_exporter {
namespace {

constexpr std::chrono::seconds kInterval{1};

}  // namespace

CgroupAdapter::CgroupAdapter(std::vector<OtaCgroupConfig> engines, EngineListener listener,
                             std::function<bool(const std::string&)> troubled, HostPaths paths)
    : engines_(std::move(engines)),
      listener_(std::move(listener)),
      troubled_(std::move(troubled)),
      paths_(std::move(paths)),
      cgroups_(paths_),
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
  for (const OtaCgroupConfig& engine : engines_) {
    const std::string cgroup = working_cgroup(engine.glob);
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
    listener_({engine.engine, std::move(started)});
  }
}

std::string CgroupAdapter::working_cgroup(const std::string& glob) const {
  const auto found = cgroups_.match({glob});
  if (!found) return "";
  for (const Cgroup& cgroup : *found) {
    if (cgroup_populated(paths_, cgroup.path)) return cgroup.path;
  }
  return "";
}

void CgroupAdapter::tell_end(const std::string& engine) {
  const std::string detail = "the last process of its cgroup has ended";
  if (troubled_(engine)) {
    listener_({engine, EngineFailed{OtaCause::kEngineError, detail}});
  } else {
    listener_({engine, EngineInstalled{"", detail}});
  }
}

}  // namespace kernel_exporter

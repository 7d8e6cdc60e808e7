// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/cgroup.h"
#include "host/paths.h"
#include "ota/engine/engine.h"
#include "ota/tracker/config.h"

namespace kernel_exporter {

// Follows engines that nobody speaks for: one works while a cgroup that matches its glob has
// processes. Looks once a second, in a thread of its own.
class CgroupAdapter {
 public:
  // `troubled` tells whether the kernel has seen what may have broken the engine's open update: all
  // there is to tell a failure from a success by.
  CgroupAdapter(std::vector<OtaCgroupConfig> engines, EngineListener listener,
                std::function<bool(const std::string& engine)> troubled, HostPaths paths);

 private:
  void run(const std::stop_token& stop);
  void look();
  std::string working_cgroup(const std::string& glob) const;  // "": none
  void tell_end(const std::string& engine);

  const std::vector<OtaCgroupConfig> engines_;
  const EngineListener listener_;
  const std::function<bool(const std::string&)> troubled_;
  const HostPaths paths_;
  const Cgroups cgroups_;
  // By engine, whether it worked when last looked at; not there before the first look.
  std::map<std::string, bool> working_;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: joined before anything else goes
};

}  // namespace kernel_exporter

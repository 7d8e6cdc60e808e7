// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/retry_log.h"
#include "host/cgroup.h"
#include "ota/engine/engine_type.h"

namespace kernel_exporter {

// An engine that nobody speaks for.
struct CgroupEngine {
  std::string engine;
  std::string glob;  // of the paths of its cgroups below the cgroup2 root (host/cgroup_glob.h)
};

// Follows engines that nobody speaks for: one works while a cgroup that matches its glob has
// processes. Looks once a second, in a thread of its own. Whether the kernel has seen trouble is
// all there is to tell a failure from a success by.
class CgroupAdapter : public EngineAdapter {
 public:
  CgroupAdapter(std::vector<CgroupEngine> engines, EngineHost host);

  std::optional<AdapterStatus> status() const override { return {}; }

 private:
  void run(const std::stop_token& stop);
  void look();
  Result<std::string> working_cgroup(const std::string& glob) const;  // "": none
  void tell_end(const std::string& engine);

  const std::vector<CgroupEngine> engines_;
  const EngineHost host_;
  const Cgroups cgroups_;
  // By engine, whether it worked when last looked at; not there before the first look.
  std::map<std::string, bool> working_;
  RetryLog log_{"updates: cgroups of engines"};

  std::mutex mutex_;  // for waiting alone
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: joined before anything else goes
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "base/retry_log.h"
#include "base/unique_fd.h"
#include "host/paths.h"
#include "ota/tracker/config.h"
#include "ota/tracker/tracker.h"
#include "ota/watch/bindings.h"
#include "ota/watch/kernel_events.h"
#include "ota/watch/mtd_watch.h"
#include "ota/watch/starvation.h"

namespace kernel_exporter {

// The kernel's side of updates: attaches what is attached only while an update is open, binds the
// devices, the cgroup and the process of an open transaction to the probes of updates, and hands
// what goes wrong with them to the tracker as evidence, within a fifth of a second while an update
// is open. Devices stay bound after an update has ended, because writeback goes on, until the next
// one begins; the boot environments that the configuration names are always bound.
class OtaKernelWatch : public OtaListener {
 public:
  // The bindings are of the generation. The tracker must outlive the watch.
  OtaKernelWatch(std::shared_ptr<Generation> generation, OtaBindings bindings, OtaTracker& tracker,
                 const OtaConfig& config, HostPaths paths);
  ~OtaKernelWatch() override;

  void begun(const OtaTransaction& transaction) override;
  void ending(const OtaTransaction& transaction) override;
  void ended(const OtaTransaction& transaction) override;

 private:
  void bind_boot_environments(const OtaConfig& config) REQUIRES(mutex_);
  void bind(const OtaTransaction& transaction) REQUIRES(mutex_);
  void bind_cgroups() REQUIRES(mutex_);
  void bind_process(const OtaTransaction& transaction) REQUIRES(mutex_);
  void unbind_ended_processes() REQUIRES(mutex_);
  void release_idle_devices() REQUIRES(mutex_);
  std::vector<OtaEvidence> fresh_errors();
  void report_errors();
  void look_at_tasks();
  void look_at_bytes();
  void run(const std::stop_token& token);

  const std::shared_ptr<Generation> generation_;
  OtaTracker& tracker_;
  const HostPaths paths_;
  std::unique_ptr<OtaKernelEvents> events_;  // null where its rings cannot be read

  Mutex mutex_;
  OtaBindings bindings_ GUARDED_BY(mutex_);
  MtdWatch flash_ GUARDED_BY(mutex_);
  std::map<uint64_t, std::set<BlockNumber>> devices_
      GUARDED_BY(mutex_);  // by transaction, ended ones included
  std::set<BlockNumber> boot_environments_ GUARDED_BY(mutex_);
  std::set<uint64_t> open_ GUARDED_BY(mutex_);
  std::set<uint64_t> unnamed_ GUARDED_BY(mutex_);  // open ones without cgroup and process
  // By open transaction. A cgroup may be created after its update has begun, and recreated with
  // another id when its service is restarted.
  struct Bound {
    std::string path;
    std::optional<uint64_t> id;
  };
  std::map<uint64_t, Bound> cgroups_ GUARDED_BY(mutex_);
  // By open transaction, until it ends: its number may be another's then.
  std::map<uint64_t, OtaProcess> processes_ GUARDED_BY(mutex_);
  std::map<uint64_t, uint64_t> written_ GUARDED_BY(mutex_);  // bytes, by open transaction
  UniqueFd cgroup_root_ GUARDED_BY(mutex_);
  OtaStarvation starvation_ GUARDED_BY(mutex_);
  // Failed requests that the tracker knows of, by device and status.
  std::map<std::pair<BlockNumber, uint32_t>, uint64_t> reported_ GUARDED_BY(mutex_);
  RetryLog unreadable_ GUARDED_BY(mutex_){"updates: failed writes"};

  std::condition_variable_any wake_;
  std::jthread thread_;  // last: joined before anything else goes
};

}  // namespace kernel_exporter

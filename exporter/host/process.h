// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "base/error.h"
#include "host/paths.h"

namespace kernel_exporter {

// What the process_* metrics show of ourselves.
struct ProcessStats {
  double cpu_seconds = 0;  // user and system, all threads
  uint64_t resident_bytes = 0;
  uint64_t open_fds = 0;
  double start_time_seconds = 0;  // since the epoch
};

// When a process started, in clock ticks since boot, which tells it from a later one with the same
// id; nullopt: there is none. Any thread.
std::optional<uint64_t> process_start(const HostPaths& paths, pid_t pid);

// Whether this process calls others by the numbers that the kernel itself uses: it is in the
// initial PID namespace (PROC_PID_INIT_INO of include/linux/proc_ns.h). Any thread.
bool sees_kernel_process_ids(const HostPaths& paths);

// Reads them from procfs/self, and once the boot time from procfs/stat. One thread at a time.
class OwnProcess {
 public:
  explicit OwnProcess(HostPaths paths) : paths_(std::move(paths)) {}
  [[nodiscard]] Result<ProcessStats> read();

 private:
  Result<void> read_stat(ProcessStats& stats);
  Result<void> count_descriptors(ProcessStats& stats) const;

  HostPaths paths_;
  std::optional<double> boot_time_;  // seconds since the epoch
};

}  // namespace kernel_exporter

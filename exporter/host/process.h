// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "host/paths.h"

namespace kernel_exporter {

// What the process_* metrics show of ourselves.
struct ProcessStats {
  double cpu_seconds = 0;  // user and system, all threads
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_fds = 0;
  std::optional<uint64_t> max_fds;  // nullopt: unlimited
  double start_time_seconds = 0;    // since the epoch
};

// When a process started, in clock ticks since boot, which tells it from a later one with the same
// id; nullopt: there is none. Any thread.
std::optional<uint64_t> process_start(const HostPaths& paths, pid_t pid);

// Whether this process calls others by the numbers that the kernel itself uses: it is in the
// initial PID namespace (PROC_PID_INIT_INO of include/linux/proc_ns.h). Any thread.
bool sees_kernel_process_ids(const HostPaths& paths);

// From procfs/self and the boot time in procfs/stat. Any thread.
[[nodiscard]] Result<ProcessStats> read_process_stats(const HostPaths& paths);

}  // namespace kernel_exporter

#pragma once

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

// From procfs/self and the boot time in procfs/stat. Any thread.
[[nodiscard]] Result<ProcessStats> read_process_stats(const HostPaths& paths);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "host/paths.h"
#include "probe/program_status.h"

namespace kernel_exporter {

// What the kernel counts of our programs' runs, asked for no more often than it can have changed: a
// call of bpf() a program, 2 us each, would otherwise be a tenth of a scrape. Used under the
// caller's lock.
class ProgramRuns {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Missed runs are counted whether statistics are on or not. They are read this often at least,
  // which also notices statistics that another process turned on with BPF_ENABLE_STATS: no file
  // tells of those.
  static constexpr std::chrono::seconds kLongestAge{60};

  // `enabled`: we hold a descriptor that keeps statistics on (enable_run_stats).
  ProgramRuns(const HostPaths& paths, bool enabled);

  // Fills run_count, run_time_ns and missed_runs of programs that are loaded: as they are now
  // while statistics are on, else as they were up to kLongestAge ago.
  void fill(std::vector<ProgramStatus>& programs, Time now);

  // bpf() was asked so many times for the programs.
  uint64_t readings() const { return readings_; }

 private:
  struct Runs {
    int fd = -1;
    uint64_t count = 0;
    uint64_t time_ns = 0;
    uint64_t missed = 0;
  };

  bool counting() const;
  bool fill_from_last(std::vector<ProgramStatus>& programs) const;

  const std::string setting_;
  const bool enabled_;
  std::vector<Runs> last_;
  Time read_at_;
  bool others_count_ = false;  // the counts moved between the last two readings
  uint64_t readings_ = 0;
};

}  // namespace kernel_exporter

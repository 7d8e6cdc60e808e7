// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "child_process.h"

namespace kernel_exporter {

// What they do until the time is over.
enum class Pace {
  kNonstop,
  kShortTurns,  // in the real-time class: woken, they run before any that compute nonstop
};

// Processes that compute, all for the same stretch of time, and sleep before and after it, so that
// what they waited on run queues in it can be read at leisure.
class BusyProcesses {
 public:
  static constexpr int kAnyCpu = -1;

  // `cgroup_processes` is the cgroup.procs that they enter, or empty.
  BusyProcesses(int count, int cpu, const std::string& cgroup_processes = "",
                Pace pace = Pace::kNonstop);
  ~BusyProcesses();
  BusyProcesses(const BusyProcesses&) = delete;
  BusyProcesses& operator=(const BusyProcesses&) = delete;

  void start(std::chrono::milliseconds duration);
  void wait_until_done();  // and asleep again

  int count() const { return static_cast<int>(children_.size()); }
  pid_t pid(int index) const { return children_[static_cast<size_t>(index)].pid(); }
  double run_delay() const;  // of all together, seconds

 private:
  // Shared with the children.
  struct Start {
    std::atomic<uint32_t> round;  // a futex
    std::atomic<int64_t> end;     // CLOCK_MONOTONIC, ns
  };

  [[noreturn]] void live(int cpu, const char* cgroup_processes, Pace pace) const;

  Start* start_;
  UniqueFd done_read_, done_write_;
  std::vector<ChildProcess> children_;
};

// The first and the last CPU that this process may use.
int first_cpu();
int last_cpu();

}  // namespace kernel_exporter

#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "child_process.h"

namespace kernel_exporter {

// Processes that compute, all for the same stretch of time, and wait before and after it, so that
// what they waited on run queues in it can be read at leisure.
class BusyProcesses {
 public:
  static constexpr int kAnyCpu = -1;

  // `cgroup_processes` is the cgroup.procs that they enter, or empty.
  BusyProcesses(int count, int cpu, const std::string& cgroup_processes = "");

  void start(std::chrono::milliseconds duration);
  void wait_until_done();

  int count() const { return static_cast<int>(children_.size()); }
  pid_t pid(int index) const { return children_[static_cast<size_t>(index)].pid(); }
  double run_delay() const;  // of all together, seconds

 private:
  [[noreturn]] void live(int cpu, const char* cgroup_processes) const;

  UniqueFd start_read_, start_write_, done_read_, done_write_;
  std::vector<ChildProcess> children_;
};

// The first and the last CPU that this process may use.
int first_cpu();
int last_cpu();

}  // namespace kernel_exporter

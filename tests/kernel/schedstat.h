// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <map>

namespace kernel_exporter {

// Seconds that a task has waited on run queues, by the kernel's own account: the second field of
// its schedstat.
double run_delay(pid_t task);

// The same of every task of the machine, by thread id.
using RunDelays = std::map<pid_t, double>;
RunDelays all_run_delays();

// What was added in between, new tasks included; the wait of tasks that ended meanwhile is lost.
double increase(const RunDelays& before, const RunDelays& after);

}  // namespace kernel_exporter

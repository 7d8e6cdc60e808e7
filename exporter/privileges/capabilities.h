// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.h"
#include "host/paths.h"

namespace kernel_exporter {

// What will still be done once the programs are loaded and attached, beside serving, reading and
// writing maps, attaching what is loaded already, and keeping the ledger of updates.
struct PrivilegeNeeds {
  bool kernel_symbols = false;  // addresses in procfs/kallsyms
  bool perf_events = false;     // attaching kprobes and the like while an update runs
  bool low_port = false;        // listening below kFirstUnprivilegedPort
};

constexpr int kFirstUnprivilegedPort = 1024;

// Drops every capability that none of the needs requires, in all sets, and sets no_new_privs, so
// that no executed program can regain one. A needed capability that the process does not have is
// not an error. Applies to the calling thread and to threads that it starts afterwards: call it
// before any other thread runs. The result lists what was kept and why, for the log: "CAP_BPF (map
// lookups)".
[[nodiscard]] Result<std::string> limit_capabilities(const PrivilegeNeeds& needs,
                                                     const HostPaths& paths);

}  // namespace kernel_exporter

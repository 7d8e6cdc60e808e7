// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace kernel_exporter {

enum class AttachState {
  kAttached,
  kIdle,         // on request only, and not requested now: not a failure
  kNotNeeded,    // another variant of the same program does the work
  kUnsupported,  // this kernel has no such event or field: not a failure
  kFailed,
};

// One program as `kernel_exporter probes` lists it.
struct ProgramStatus {
  std::string probe;
  std::string program;    // without its variant: "netdrop_kfree_skb"
  std::string variant;    // "" or what follows "__" in the program's name
  std::string mechanism;  // "tp_btf", "raw_tp", "fentry", "kprobe", "tracepoint"
  std::string target;     // "kfree_skb", "sched:sched_switch"
  AttachState state = AttachState::kFailed;
  bool on_request = false;  // LoadedObject::attach_requested attaches it
  std::string reason;       // one line, empty when attached
  uint64_t run_count = 0;   // filled by read_run_stats
  uint64_t run_time_ns = 0;
  uint64_t missed_runs = 0;  // events skipped by the kernel to prevent recursion (from 5.12)
  int fd = -1;               // -1 unless attached or idle
};

inline constexpr std::string_view kIdleReason = "attached only while an update is open";

// Fills missed_runs, and run_count and run_time_ns where the kernel counts them
// (kernel.bpf_stats_enabled, or enable_run_stats).
// Programs that are not loaded, or that the kernel says nothing about, keep what they have.
void read_run_stats(std::vector<ProgramStatus>& programs);

// Turns BPF_STATS_RUN_TIME on while the descriptor is held.
[[nodiscard]] Result<UniqueFd> enable_run_stats();

}  // namespace kernel_exporter

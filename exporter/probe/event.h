// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "probe/kernel_btf.h"
#include "probe/program_status.h"

namespace kernel_exporter {

// What a program's section names: "tp/sched/sched_switch" is {"tracepoint", "sched:sched_switch"}.
struct Event {
  std::string mechanism;
  std::string target;
};

Event event_of_section(std::string_view section);

// Why a program cannot run, as ProgramStatus has it.
struct Refusal {
  AttachState state = AttachState::kFailed;
  std::string reason;
};

// What is known against an event before anything is loaded; nullopt: worth a try. The kernel's
// types may be missing (nullptr): then only tp_btf, fentry and fexit, which need them, are refused.
std::optional<Refusal> refuse_event(const Event& event, const KernelBtf* kernel);

}  // namespace kernel_exporter

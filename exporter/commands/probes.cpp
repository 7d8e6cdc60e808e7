// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "commands/commands.h"
#include "commands/exporter.h"

namespace kernel_exporter {
namespace {

const char* state_name(AttachState state) {
  switch (state) {
    case AttachState::kAttached:
      return "attached";
    case AttachState::kIdle:
      return "idle";
    case AttachState::kNotNeeded:
      return "not needed";
    case AttachState::kUnsupported:
      return "unsupported";
    case AttachState::kFailed:
      return "failed";
  }
  return "";
}

}  // namespace

int list_probes(const Options& options) {
  spdlog::set_level(spdlog::level::warn);
  Options all = options;
  all.all_rules = true;
  auto exporter = Exporter::create(all);
  if (!exporter) {
    spdlog::error("{}", exporter.error().message);
    return 1;
  }
  std::printf("%-12s %-36s %-11s %-24s %-12s %s\n", "PROBE", "PROGRAM", "MECHANISM", "HOOK",
              "STATE", "WHY");
  bool failed = false;
  for (const ProgramStatus& program : (*exporter)->programs()) {
    const std::string name =
        program.program + (program.variant.empty() ? "" : "__" + program.variant);
    std::printf("%-12s %-36s %-11s %-24s %-12s %s\n", program.probe.c_str(), name.c_str(),
                program.mechanism.c_str(), program.target.c_str(), state_name(program.state),
                program.reason.c_str());
    failed |= program.state == AttachState::kFailed;
  }
  return failed ? 1 : 0;
}

}  // namespace kernel_exporter

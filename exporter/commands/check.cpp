#include <algorithm>
#include <cstdio>

#include "commands/commands.h"
#include "commands/rule_loader.h"
#include "rules/compile.h"

namespace kernel_exporter {

namespace {

std::string counted(size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// Those that a rule file names.
size_t metrics_of(const Plan& plan) {
  return static_cast<size_t>(std::ranges::count_if(plan.families, [](const FamilyPlan& family) {
    return family.header.name != kLostEventsFamily;
  }));
}

}  // namespace

int check(const Options& options) {
  const auto files = find_rule_files(options.files);
  if (!files) {
    std::fprintf(stderr, "%s\n", files.error().message.c_str());
    return 1;
  }
  HostTables host(options.paths);
  const LoadedRules rules = load_rules(*files, host, true);
  for (const std::string& message : rules.diagnostics.messages()) {
    std::fprintf(stderr, "%s\n", message.c_str());
  }
  if (!rules.diagnostics.empty()) return 1;
  std::printf("%s, %s: no faults\n", counted(rules.plan.rule_files.size(), "rule file").c_str(),
              counted(metrics_of(rules.plan), "metric").c_str());
  return 0;
}

}  // namespace kernel_exporter

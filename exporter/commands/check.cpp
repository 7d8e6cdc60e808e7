// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include "commands/commands.h"
#include "commands/rule_loader.h"
#include "ota/config_file.h"
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

// True when there are none.
bool print_faults(const Diagnostics& faults) {
  for (const std::string& message : faults.messages()) {
    std::fprintf(stderr, "%s\n", message.c_str());
  }
  return faults.empty();
}

bool check_rules(const Options& options) {
  const auto files = find_rule_files(options.files.empty() ? options.rules : options.files);
  if (!files) {
    std::fprintf(stderr, "%s\n", files.error().message.c_str());
    return false;
  }
  HostTables host(options.paths);
  const auto kernel = KernelBtf::load(options.paths.sysfs);
  const LoadedRules rules = load_rules(*files, host, kernel ? &*kernel : nullptr, true);
  if (!print_faults(rules.diagnostics)) return false;
  std::printf("%s, %s: no errors\n", counted(rules.plan.rule_files.size(), "rule file").c_str(),
              counted(metrics_of(rules.plan), "metric").c_str());
  return true;
}

bool check_ota_config(const std::string& path) {
  Diagnostics faults;
  read_ota_config(path, faults);
  if (!print_faults(faults)) return false;
  std::printf("%s: no errors\n", path.c_str());
  return true;
}

}  // namespace

int check(const Options& options) {
  const bool good_rules = check_rules(options);
  const bool good_config = options.ota_config.empty() || check_ota_config(options.ota_config);
  return good_rules && good_config ? 0 : 1;
}

}  // namespace kernel_exporter

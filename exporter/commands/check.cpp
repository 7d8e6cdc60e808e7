#include <cstdio>

#include "commands/commands.h"
#include "commands/rule_loader.h"

namespace kernel_exporter {

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
  std::printf("%zu rule files, %zu metrics: no faults\n", rules.plan.rule_files.size(),
              rules.plan.families.size());
  return 0;
}

}  // namespace kernel_exporter

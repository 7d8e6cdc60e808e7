// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/diagnostics.h"
#include "labels/decoder.h"
#include "probe/kernel_btf.h"
#include "rules/plan.h"

namespace kernel_exporter {

// Rules read from disk and compiled against the objects that they name.
struct LoadedRules {
  Plan plan;
  Diagnostics diagnostics;
  std::vector<std::string> faulty_files;
  std::vector<std::string> files_for_updates;  // left out, since there are none to follow
};

// Where the default profile is: rules/events of the current folder or, where that has none, of the
// installation that the running program belongs to.
std::string default_rule_folder();

// Files of `paths`, folders expanded to their *.yaml, ascending by name. A path that does not exist
// or a folder without a rule file is an error.
[[nodiscard]] Result<std::vector<std::string>> find_rule_files(
    const std::vector<std::string>& paths);

// Never fails as a whole: files with faults are left out and named. Without the kernel's types
// (null) names of its enums are not known. `updates`: take the files that are for updates, too.
LoadedRules load_rules(const std::vector<std::string>& files, HostTables& host,
                       const KernelBtf* kernel, bool updates);

}  // namespace kernel_exporter

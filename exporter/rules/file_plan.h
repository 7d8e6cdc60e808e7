// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rules/compile.h"

namespace kernel_exporter {

// One rule file held against its object alone, before it meets the other files.
struct FilePlan {
  ProbeRequest probe;
  std::vector<std::pair<Position, std::pair<std::string, std::vector<std::byte>>>> constants;
  std::vector<MaxEntriesRule> max_entries;
  // Sizes of maps that no rule names, by what the machine has.
  std::map<std::string, uint32_t> default_entries;
  std::vector<CgroupPlan> cgroups;
  // families[i] is that of sources[i].
  std::vector<FamilyPlan> families;
  std::vector<SourcePlan> sources;
  // Histograms whose buckets nobody in this file asks for: the constant's name.
  std::vector<std::string> unasked_buckets;
};

FilePlan compile_file(const RuleFile& file, const ObjectInfo& object, const CompileContext& context,
                      Diagnostics& diagnostics);

}  // namespace kernel_exporter

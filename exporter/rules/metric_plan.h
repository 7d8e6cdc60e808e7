// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "rules/file_plan.h"

namespace kernel_exporter {

// Compiles one metric of a file into a source and its family at the end of the plan; every fault
// becomes a diagnostic and leaves the metric out.
void compile_metric(const RuleFile& file, const MetricRule& rule, const ObjectInfo& object,
                    const CompileContext& context, FilePlan& plan, Diagnostics& diagnostics);

// Whether a file may name that map or constant: in the project's own object those of its probe
// (NAME or NAME_...), because the programs of others need not be loaded; all of a foreign one.
bool belongs_to_probe(const RuleFile& file, std::string_view name);

// For messages: the object that a file's names are looked up in.
std::string object_name(const RuleFile& file);
// What is said of a map that the file may not name, or that does not exist.
std::string unknown_map(const RuleFile& file, const ObjectInfo& object, const std::string& map);

}  // namespace kernel_exporter

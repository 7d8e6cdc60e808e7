// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "config/diagnostics.h"
#include "labels/decoder.h"
#include "probe/kernel_btf.h"
#include "probe/object.h"
#include "rules/model.h"
#include "rules/plan.h"

namespace kernel_exporter {

// What rules are held against.
struct CompileContext {
  const ObjectInfo* embedded_object = nullptr;
  const KernelBtf* kernel = nullptr;  // null where the kernel has no BTF
  HostTables* host = nullptr;
  int possible_cpus = 1;
  uint32_t disks = 0;
};

// The family of what probes lose, which no rule file has to name.
inline constexpr char kLostEventsFamily[] = "kernel_exporter_probe_lost_events_total";

// Compiles files one by one into one plan. A file with any fault is left out whole, with its faults
// in the diagnostics; it never stops the others. Files are taken in the order given, so in a
// conflict between two the later one is at fault.
class RuleCompiler {
 public:
  explicit RuleCompiler(const CompileContext& context);

  // True when the file is now part of the plan.
  bool add(const RuleFile& file, Diagnostics& diagnostics);

  // Completes and hands out the plan; the compiler is empty afterwards.
  Plan finish();

 private:
  // The object that a file is about; null, with a diagnostic, when it cannot be used.
  const ObjectInfo* find_object(const RuleFile& file, Diagnostics& diagnostics);

  CompileContext context_;
  Plan plan_;
  struct Object {
    ObjectInfo info;
    size_t image_hash = 0;
  };
  std::map<ObjectSource, Object> objects_;  // but for the embedded one
  // Histograms without a rule for their buckets, by object and constant.
  std::vector<std::pair<ObjectSource, std::string>> unasked_buckets_;
  // Sizes for maps that no file gives one, by object and map: the smallest that a file can afford.
  std::map<std::pair<ObjectSource, std::string>, uint32_t> default_entries_;
};

}  // namespace kernel_exporter

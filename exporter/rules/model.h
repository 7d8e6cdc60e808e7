// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/diagnostics.h"
#include "config/units.h"
#include "probe/object_source.h"
#include "rules/family_header.h"

namespace kernel_exporter {

// What a rule file says, before it is held against any object. docs/rules.md is the reference.

struct LabelRule {
  Position position;
  std::string name;
  std::string field;                    // a field of the map's key; empty: one of the next two
  std::optional<std::string> constant;  // `value:` the same text on every series
  bool per_cpu = false;                 // `percpu: true` the CPU number of a per-CPU map
  std::vector<YAML::Node> decode;       // the chain, in order; empty: the field's natural text
};

struct BucketRule {
  enum class Kind { kZones, kLinear, kExponential };
  Position position;
  Kind kind = Kind::kZones;
  std::vector<std::string> bounds;  // zones: quantities as written
  std::string from;
  std::string to;       // exponential
  std::string width;    // linear
  uint64_t count = 0;   // linear
  uint64_t factor = 2;  // exponential
};

struct MetricRule {
  Position position;
  std::string name;
  std::string help;
  MetricType type = MetricType::kCounter;
  Position map_position;
  std::string map;     // a BPF map of the object, or
  std::string source;  // of the host, see host_source.h
  Position value_position;
  std::string value;  // field of the map's value; empty: the whole value
  Position sum_position;
  std::string sum;  // histograms and summaries whose sum is another field
  Position count_position;
  std::string count;  // summaries whose count is another field
  Unit unit;
  std::optional<BucketRule> buckets;
  std::vector<LabelRule> labels;
  std::string where;
  Position where_position;
  uint64_t series_limit = 1000;
};

struct ConstantRule {
  Position position;
  std::string name;
  int64_t value = 0;
};

struct MaxEntriesRule {
  Position position;
  std::string map;
  uint32_t entries = 0;
};

// Cgroups whose ids the exporter keeps as keys of a map.
struct CgroupRule {
  Position position;
  std::string map;
  std::vector<std::string> match;
};

struct RuleFile {
  std::string path;
  Position probe_position;
  std::string probe;  // of the embedded object, or the name given to `object`
  Position object_position;
  ObjectSource object;   // a file's path is resolved against the rule file's folder
  bool updates = false;  // of use only where updates are followed
  Position programs_position;
  std::vector<std::string> programs;  // empty: all
  std::vector<ConstantRule> constants;
  std::vector<MaxEntriesRule> max_entries;
  std::vector<CgroupRule> cgroups;
  uint64_t map_memory_limit = 64ull << 20;  // bytes of kernel memory, each map
  std::vector<MetricRule> metrics;
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "labels/decoder.h"
#include "probe/object.h"
#include "rules/buckets.h"
#include "rules/condition.h"
#include "rules/family_header.h"
#include "rules/model.h"

namespace kernel_exporter {

// What a rule comes to once it is held against an object's BTF: offsets, scale, decoders.
// Immutable.

struct LabelPlan {
  std::string name;
  std::optional<std::string> constant;
  bool per_cpu = false;
  Field field;            // of the key, unless constant or per_cpu
  bool in_value = false;  // the field is a text of the value, in that of any CPU
  std::vector<std::unique_ptr<Decoder>> chain;
};

// How the numbers of one entry are read from one CPU's value. A series holds `width()` of them:
// counters and gauges one; histograms their slots, one for each bound and one beyond, then the sum;
// summaries count and sum.
struct ValuePlan {
  MetricType type = MetricType::kCounter;
  Field number;                // counter and gauge; the count of a summary without slots
  std::optional<Field> slots;  // kArray
  std::optional<Field> sum;
  size_t buckets = 0;  // slots that are exported

  size_t width() const;
  // Bytes that the i-th number of a series has in the map.
  uint32_t number_size(size_t i) const;
  bool reads_same(const ValuePlan& other) const;
  // Adds one CPU's numbers to `out`, `width()` of them; wraps modulo 2^64 (signed gauges are held
  // as two's complement).
  void add(std::span<const std::byte> value, std::span<uint64_t> out) const;
};

// One rule: which entries of which map go to which family.
struct SourcePlan {
  Position position;
  std::string probe;
  std::string map;
  std::string source;  // of the host instead of a map, see host_source.h
  Layout key;
  ValuePlan value;
  std::vector<LabelPlan> labels;
  std::vector<size_t> label_order;  // label_order[i] is the label that is the family's i-th
  bool per_cpu_label = false;
  std::unique_ptr<Condition> where;
  // The same text stands for the same samples.
  std::string rule_text;
  size_t family = 0;  // index in Plan::families

  // Sets label_order for a family with these label names, a permutation of the rule's own.
  void order_labels(const std::vector<std::string>& names);
};

// One metric family. All rules with its name agree on everything here.
struct FamilyPlan {
  FamilyHeader header;
  Position position;  // of the first rule
  std::vector<std::string> label_names;
  Unit unit;
  bool is_signed = false;
  bool has_sum = true;  // histograms
  bool faults = false;  // counters of what should not happen: no series until it does
  size_t width = 1;
  uint64_t series_limit = 0;
};

struct CgroupPlan {
  std::string map;
  std::vector<std::string> globs;
};

// Everything that one set of rule files asks of one object.
struct ObjectPlan {
  ObjectSource source;
  size_t image_hash = 0;  // of the bytes that the layouts below come from; 0: embedded
  std::vector<ProbeRequest> probes;
  ObjectSettings settings;
  std::vector<SourcePlan> sources;
  std::vector<CgroupPlan> cgroups;
};

// What is asked for by what it is called, "probe softirq", "size of map netdrop"; the value tells
// one demand from another.
using ProgramSignature = std::map<std::string, std::string>;

// The names of what two of them do not have in common, in one line; "" when they are equal.
std::string difference(const ProgramSignature& one, const ProgramSignature& other);

struct Plan {
  std::vector<FamilyPlan> families;
  std::vector<ObjectPlan> objects;      // the embedded one first, when it is used
  std::vector<std::string> rule_files;  // those in use

  // What cannot change without reloading programs: probes, constants, buckets, sizes. Plans with
  // equal signatures can replace each other.
  ProgramSignature program_signature() const;
};

}  // namespace kernel_exporter

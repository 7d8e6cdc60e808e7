// SPDX-License-Identifier: Apache-2.0
#include "rules/file_plan.h"

#include <linux/bpf.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "probe/map_type.h"
#include "rules/metric_plan.h"

namespace kernel_exporter {
namespace {

// "softirq_raise" belongs to probe softirq; "softirq_raise__args2" is a variant of it.
std::string program_role(const std::string& name) { return name.substr(0, name.find("__")); }

void compile_programs(const RuleFile& file, const ObjectInfo& object, FilePlan& plan,
                      Diagnostics& diagnostics) {
  const bool own = file.object.follows_conventions();
  std::set<std::string> roles;
  std::set<std::string> probes;
  for (const ObjectInfo::Program& program : object.programs) {
    const std::string role = program_role(program.name);
    probes.insert(role.substr(0, role.find('_')));
    if (!own || role.starts_with(file.probe + "_")) roles.insert(role);
  }
  if (roles.empty()) {
    diagnostics.add(file.probe_position, own ? "no probe \"" + file.probe + "\" in " +
                                                   object_name(file) + ", expected one of " +
                                                   quoted_list(probes)
                                             : "no program in " + object_name(file));
    return;
  }
  for (const std::string& program : file.programs) {
    if (!roles.contains(program)) {
      diagnostics.add(file.programs_position, "no program \"" + program + "\" in probe \"" +
                                                  file.probe + "\", expected one of " +
                                                  quoted_list(roles));
    }
  }
  plan.probe.probe = file.probe;
  plan.probe.programs = {file.programs.begin(), file.programs.end()};
}

// The low bytes of a constant; nullopt when they would read as another number.
std::optional<std::vector<std::byte>> constant_bytes(int64_t value, size_t size) {
  const auto bits = static_cast<int>(size * 8);
  if (bits < 64 && (value >= int64_t{1} << bits || value < -(int64_t{1} << (bits - 1)))) return {};
  std::vector<std::byte> bytes(size);
  std::memcpy(bytes.data(), &value, size);  // little-endian
  return bytes;
}

void compile_constants(const RuleFile& file, const ObjectInfo& object, FilePlan& plan,
                       Diagnostics& diagnostics) {
  for (const ConstantRule& rule : file.constants) {
    const auto known = object.constants.find(rule.name);
    if (known == object.constants.end() || known->second == 0 ||
        known->second > sizeof rule.value || !belongs_to_probe(file, rule.name)) {
      diagnostics.add(rule.position, "no integer constant \"" + rule.name + "\" in " +
                                         object_name(file) + " (const volatile in its source)");
      continue;
    }
    auto bytes = constant_bytes(rule.value, known->second);
    if (!bytes) {
      diagnostics.add(rule.position, "constant \"" + rule.name + "\" has " +
                                         std::to_string(known->second) + " bytes, too few for " +
                                         std::to_string(rule.value));
      continue;
    }
    plan.constants.push_back({rule.position, {rule.name, std::move(*bytes)}});
  }
}

const MapInfo* find_map(const RuleFile& file, const ObjectInfo& object, const Position& position,
                        const std::string& name, Diagnostics& diagnostics) {
  const MapInfo* map = belongs_to_probe(file, name) ? object.map(name) : nullptr;
  if (map == nullptr) diagnostics.add(position, unknown_map(file, object, name));
  return map;
}

void compile_cgroups(const RuleFile& file, const ObjectInfo& object, FilePlan& plan,
                     Diagnostics& diagnostics) {
  for (const CgroupRule& rule : file.cgroups) {
    const MapInfo* map = find_map(file, object, rule.position, rule.map, diagnostics);
    if (map != nullptr && (map->key_size != sizeof(uint64_t) || !is_hash(map->type))) {
      diagnostics.add(rule.position,
                      "cgroups: \"" + rule.map + "\" is not a hash with 64-bit cgroup ids as keys");
    }
    plan.cgroups.push_back({rule.map, rule.match});
  }
}

// With room for the disks, as far as the memory limit goes; never less than the object's own size.
uint32_t entries_for_disks(const MapInfo& map, uint64_t memory_limit,
                           const CompileContext& context) {
  MapInfo entry = map;
  entry.max_entries = 1;
  const uint64_t wanted = map.max_entries + uint64_t{map.entries_per_disk} * context.disks;
  const uint64_t affordable =
      memory_limit / std::max<uint64_t>(1, entry.bytes(context.possible_cpus));
  return static_cast<uint32_t>(std::clamp<uint64_t>(
      wanted, map.max_entries, std::max<uint64_t>(map.max_entries, affordable)));
}

void compile_maps(const RuleFile& file, const ObjectInfo& object, const CompileContext& context,
                  FilePlan& plan, Diagnostics& diagnostics) {
  std::map<std::string, MaxEntriesRule> entries;
  for (const MaxEntriesRule& rule : file.max_entries) {
    if (find_map(file, object, rule.position, rule.map, diagnostics) == nullptr) continue;
    entries[rule.map] = rule;
    plan.max_entries.push_back(rule);
  }
  for (const MapInfo& known : object.maps) {
    if (!belongs_to_probe(file, known.name)) continue;
    MapInfo map = known;
    const auto size = entries.find(map.name);
    if (size != entries.end()) {
      map.max_entries = size->second.entries;
    } else if (map.entries_per_disk > 0 && context.disks > 0) {
      map.max_entries = entries_for_disks(known, file.map_memory_limit, context);
      plan.default_entries.emplace(map.name, map.max_entries);
    }
    const uint64_t bytes = map.bytes(context.possible_cpus);
    if (bytes <= file.map_memory_limit) continue;
    diagnostics.add(size == entries.end() ? file.probe_position : size->second.position,
                    "map \"" + map.name + "\" takes " + std::to_string(bytes) + " bytes with the " +
                        std::to_string(context.possible_cpus) +
                        " CPUs of this machine, over the limit of " +
                        std::to_string(file.map_memory_limit) +
                        ": lower its max_entries or raise map_memory_limit");
  }
}

// By convention a probe counts what it loses in a map of one name, so no rule file has to say so.
std::optional<MetricRule> lost_events_rule(const RuleFile& file, const ObjectInfo& object) {
  const std::string map = file.probe + "_lost";
  if (!file.object.follows_conventions() || object.map(map) == nullptr) return {};
  std::string prefix = map + "_";
  std::transform(prefix.begin(), prefix.end(), prefix.begin(), ::toupper);
  MetricRule rule;
  rule.position = file.probe_position;
  rule.name = kLostEventsFamily;
  rule.help = "Events that the probe saw but could not count.";
  rule.map = map;
  LabelRule probe;
  probe.position = file.probe_position;
  probe.name = "probe";
  probe.constant = file.probe;
  LabelRule reason;
  reason.position = file.probe_position;
  reason.name = "reason";
  reason.field = "key";
  YAML::Node step;
  step["enum"]["strip"] = prefix;
  reason.decode.push_back(step);
  rule.labels = {probe, reason};
  return rule;
}

}  // namespace

FilePlan compile_file(const RuleFile& file, const ObjectInfo& object, const CompileContext& context,
                      Diagnostics& diagnostics) {
  const size_t before = diagnostics.messages().size();
  FilePlan plan;
  compile_programs(file, object, plan, diagnostics);
  if (diagnostics.messages().size() > before) return plan;
  compile_constants(file, object, plan, diagnostics);
  compile_maps(file, object, context, plan, diagnostics);
  compile_cgroups(file, object, plan, diagnostics);
  for (const MetricRule& rule : file.metrics) {
    compile_metric(file, rule, object, context, plan, diagnostics);
  }
  if (const auto lost = lost_events_rule(file, object)) {
    compile_metric(file, *lost, object, context, plan, diagnostics);
    plan.families.back().faults = true;
  }
  return plan;
}

}  // namespace kernel_exporter

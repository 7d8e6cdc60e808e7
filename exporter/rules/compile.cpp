// SPDX-License-Identifier: Apache-2.0
#include "rules/compile.h"

#include <algorithm>
#include <set>

#include "rules/buckets.h"
#include "rules/file_plan.h"

namespace kernel_exporter {
namespace {

bool has_faults(const Diagnostics& diagnostics, size_t before) {
  return diagnostics.messages().size() > before;
}

bool same_labels(const FamilyPlan& one, const FamilyPlan& other) {
  return std::set(one.label_names.begin(), one.label_names.end()) ==
         std::set(other.label_names.begin(), other.label_names.end());
}

// What keeps two rules from feeding one family; empty: nothing.
std::string family_conflict(const FamilyPlan& known, const FamilyPlan& added) {
  if (known.header.type != added.header.type) return "another type";
  if (!same_labels(known, added)) return "another set of labels";
  if (known.unit != added.unit) return "another unit";
  if (known.header.buckets.bounds != added.header.buckets.bounds) return "other buckets";
  if (known.has_sum != added.has_sum) return "another choice of a sum";
  if (known.is_signed != added.is_signed) return "another signedness";
  return "";
}

// Prometheus reads a histogram's or summary's lines as families of these names too; OpenMetrics
// names a counter's family without _total.
std::vector<std::string> line_names(const FamilyPlan& family) {
  switch (family.header.type) {
    case MetricType::kHistogram:
      return {family.header.name, family.header.name + "_bucket", family.header.name + "_sum",
              family.header.name + "_count"};
    case MetricType::kSummary:
      return {family.header.name, family.header.name + "_sum", family.header.name + "_count"};
    case MetricType::kCounter:
      return {family.header.name, family.header.name.substr(0, family.header.name.rfind("_total"))};
    default:
      return {family.header.name};
  }
}

void check_families(const Plan& plan, const FilePlan& file, Diagnostics& diagnostics) {
  std::map<std::string_view, const FamilyPlan*> known;
  for (const FamilyPlan& family : plan.families) known.emplace(family.header.name, &family);
  for (const FamilyPlan& family : file.families) {
    const auto [other, fresh] = known.emplace(family.header.name, &family);
    const std::string conflict = fresh ? "" : family_conflict(*other->second, family);
    if (conflict.empty()) continue;
    diagnostics.add(family.position, "metric \"" + family.header.name +
                                         "\" is already defined at " +
                                         other->second->position.text() + " with " + conflict);
  }
}

void check_line_names(const Plan& plan, const FilePlan& file, Diagnostics& diagnostics) {
  std::map<std::string, std::pair<std::string, Position>> owners;
  const auto claim = [&](const FamilyPlan& family, bool report) {
    for (const std::string& line : line_names(family)) {
      const auto [owner, fresh] = owners.try_emplace(line, family.header.name, family.position);
      if (!fresh && owner->second.first != family.header.name && report) {
        diagnostics.add(family.position, "metric \"" + family.header.name + "\" and \"" +
                                             owner->second.first + "\" at " +
                                             owner->second.second.text() + " both export \"" +
                                             line + "\"");
        break;
      }
    }
  };
  for (const FamilyPlan& family : plan.families) claim(family, false);
  for (const FamilyPlan& family : file.families) claim(family, true);
}

// Profiles may overlap, but within one file it is a mistake.
void check_repetitions(const FilePlan& file, Diagnostics& diagnostics) {
  std::map<std::string_view, Position> known;
  for (size_t i = 0; i < file.sources.size(); ++i) {
    const SourcePlan& source = file.sources[i];
    const auto [other, fresh] = known.emplace(source.rule_text, source.position);
    if (fresh) continue;
    diagnostics.add(source.position, "metric \"" + file.families[i].header.name +
                                         "\" is already defined at " + other->second.text() +
                                         " with the same map, value, labels and where");
  }
}

ObjectPlan* find_plan(Plan& plan, const ObjectSource& source) {
  for (ObjectPlan& object : plan.objects) {
    if (object.source == source) return &object;
  }
  return nullptr;
}

void check_settings(const ObjectPlan* object, const FilePlan& file, Diagnostics& diagnostics) {
  ObjectSettings known = object == nullptr ? ObjectSettings{} : object->settings;
  for (const auto& [position, constant] : file.constants) {
    const auto [entry, fresh] = known.constants.emplace(constant);
    if (fresh || entry->second == constant.second) continue;
    diagnostics.add(position,
                    constant.first.ends_with("_buckets")
                        ? "two rules require different buckets of one map (constant \"" +
                              constant.first + "\"): one map has one set of buckets"
                        : "constant \"" + constant.first + "\" has another value in another rule");
  }
  for (const MaxEntriesRule& rule : file.max_entries) {
    const auto [entry, fresh] = known.max_entries.emplace(rule.map, rule.entries);
    if (!fresh && entry->second != rule.entries) {
      diagnostics.add(rule.position, "max_entries of \"" + rule.map + "\" is " +
                                         std::to_string(entry->second) + " in another rule file");
    }
  }
}

void merge_settings(FilePlan& file, ObjectPlan& object) {
  for (auto& [position, constant] : file.constants) object.settings.constants.insert(constant);
  for (const MaxEntriesRule& rule : file.max_entries) {
    object.settings.max_entries.emplace(rule.map, rule.entries);
  }
  for (CgroupPlan& cgroups : file.cgroups) object.cgroups.push_back(std::move(cgroups));
  const auto same =
      std::find_if(object.probes.begin(), object.probes.end(),
                   [&](const ProbeRequest& probe) { return probe.probe == file.probe.probe; });
  if (same == object.probes.end()) {
    object.probes.push_back(std::move(file.probe));
  } else if (same->programs.empty() || file.probe.programs.empty()) {
    same->programs.clear();  // one of the two files wants all
  } else {
    same->programs.merge(file.probe.programs);
  }
}

void merge_families(FilePlan& file, Plan& plan, ObjectPlan& object) {
  std::set<std::string> known_rules;
  for (const ObjectPlan& known : plan.objects) {
    for (const SourcePlan& source : known.sources) known_rules.insert(source.rule_text);
  }
  for (size_t i = 0; i < file.sources.size(); ++i) {
    FamilyPlan& family = file.families[i];
    SourcePlan& source = file.sources[i];
    const auto known = std::find_if(
        plan.families.begin(), plan.families.end(),
        [&](const FamilyPlan& other) { return other.header.name == family.header.name; });
    source.family = static_cast<size_t>(known - plan.families.begin());
    if (known == plan.families.end()) {
      source.order_labels(family.label_names);
      plan.families.push_back(std::move(family));
    } else {
      known->series_limit = std::max(known->series_limit, family.series_limit);
      source.order_labels(known->label_names);
    }
    // Two files may say the same of one map; its events must not count twice.
    if (known_rules.insert(source.rule_text).second) object.sources.push_back(std::move(source));
  }
}

}  // namespace

RuleCompiler::RuleCompiler(const CompileContext& context) : context_(context) {}

const ObjectInfo* RuleCompiler::find_object(const RuleFile& file, Diagnostics& diagnostics) {
  if (file.object.is_embedded()) return context_.embedded_object;
  const auto known = objects_.find(file.object);
  if (known != objects_.end()) return &known->second.info;
  const auto image = file.object.read();
  auto info = image ? inspect_object(file.object.name(), image->bytes)
                    : Result<ObjectInfo>(tl::unexpected(image.error()));
  if (!info) {
    diagnostics.add(file.object_position, info.error().message);
    return nullptr;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(image->bytes.data()),
                               image->bytes.size());
  Object object{std::move(*info), std::hash<std::string_view>()(bytes)};
  return &objects_.emplace(file.object, std::move(object)).first->second.info;
}

bool RuleCompiler::add(const RuleFile& file, Diagnostics& diagnostics) {
  const size_t before = diagnostics.messages().size();
  const ObjectInfo* object = find_object(file, diagnostics);
  if (object == nullptr) return false;
  FilePlan compiled = compile_file(file, *object, context_, diagnostics);
  check_families(plan_, compiled, diagnostics);
  check_line_names(plan_, compiled, diagnostics);
  check_repetitions(compiled, diagnostics);
  check_settings(find_plan(plan_, file.object), compiled, diagnostics);
  if (has_faults(diagnostics, before)) return false;

  ObjectPlan* target = find_plan(plan_, file.object);
  if (target == nullptr) {
    target = &plan_.objects.emplace_back();
    target->source = file.object;
    const auto known = objects_.find(file.object);
    if (known != objects_.end()) target->image_hash = known->second.image_hash;
  }
  for (std::string& constant : compiled.unasked_buckets) {
    unasked_buckets_.emplace_back(file.object, std::move(constant));
  }
  for (const auto& [map, entries] : compiled.default_entries) {
    const auto [known, fresh] = default_entries_.emplace(std::pair(file.object, map), entries);
    if (!fresh) known->second = std::min(known->second, entries);
  }
  merge_settings(compiled, *target);
  merge_families(compiled, plan_, *target);
  plan_.rule_files.push_back(file.path);
  return true;
}

Plan RuleCompiler::finish() {
  for (const auto& [object, constant] : unasked_buckets_) {
    find_plan(plan_, object)->settings.constants.emplace(constant, no_buckets());
  }
  unasked_buckets_.clear();
  for (const auto& [map, entries] : default_entries_) {
    find_plan(plan_, map.first)->settings.max_entries.emplace(map.second, entries);
  }
  default_entries_.clear();
  std::stable_partition(plan_.objects.begin(), plan_.objects.end(),
                        [](const ObjectPlan& object) { return object.source.is_embedded(); });
  return std::exchange(plan_, Plan{});
}

}  // namespace kernel_exporter

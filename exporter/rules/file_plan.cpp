#include "rules/file_plan.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "rules/netlink_layout.h"

namespace kernel_exporter {
namespace {

constexpr std::string_view kOwnObject = "the exporter's own BPF object";

// "name_field_buckets": the constant by which the program sorts into the histogram.
std::string buckets_constant(const MetricRule& rule) {
  std::string field = rule.value;
  std::replace(field.begin(), field.end(), '.', '_');
  return rule.map + (field.empty() ? "" : "_" + field) + "_buckets";
}

std::vector<std::string_view> field_names(const Layout& layout) {
  std::vector<std::string_view> names;
  for (const Field& field : layout.fields) names.push_back(field.path);
  return names;
}

std::string describe(const Layout& layout, std::string_view what) {
  return layout.type_name.empty() ? std::string(what) : "struct " + layout.type_name;
}

bool is_integer(const Field& field) {
  return field.kind == FieldKind::kUnsigned || field.kind == FieldKind::kSigned ||
         field.kind == FieldKind::kEnum;
}

// Compiles one metric of a file; every fault becomes a diagnostic and ends the metric.
class MetricCompiler {
 public:
  MetricCompiler(const RuleFile& file, const MetricRule& rule, const ObjectInfo& object,
                 const CompileContext& context, Diagnostics& diagnostics)
      : file_(file), rule_(rule), object_(object), context_(context), diagnostics_(diagnostics) {}

  void compile(FilePlan& plan) {
    if (!find_layouts()) return;
    source_.position = rule_.position;
    source_.probe = file_.probe;
    source_.map = rule_.map;
    source_.netlink = !rule_.source.empty();
    source_.key = *key_;
    source_.value.type = rule_.type;
    family_.header = {rule_.name, rule_.help, rule_.type, rule_.unit.base, {}};
    family_.position = rule_.position;
    family_.unit = rule_.unit;
    family_.series_limit = rule_.series_limit;
    if (!compile_value() || !compile_buckets(plan) || !compile_labels() || !compile_where()) return;
    family_.width = source_.value.width();
    plan.sources.push_back(std::move(source_));
    plan.families.push_back(std::move(family_));
  }

 private:
  bool refuse(const Position& position, std::string_view message) {
    diagnostics_.add(position, message);
    return false;
  }

  bool find_layouts() {
    if (!rule_.source.empty()) {
      key_ = &netlink_key_layout();
      value_ = &netlink_value_layout();
      return true;
    }
    const MapInfo* map = object_.map(rule_.map);
    if (map == nullptr) {
      std::vector<std::string_view> names;
      for (const MapInfo& known : object_.maps) {
        if (file_.object.empty() && !known.name.starts_with(file_.probe)) continue;
        names.push_back(known.name);
      }
      return refuse(rule_.position, "no map \"" + rule_.map + "\" in " + object_name() +
                                        ", expected one of " + quoted_list(names));
    }
    if (map->value.size == 0 || map->key.size == 0) {
      return refuse(rule_.position, "map \"" + rule_.map +
                                        "\" has no BTF for its key and value in " + object_name() +
                                        ", so no field can be named");
    }
    per_cpu_map_ = map->per_cpu;
    key_ = &map->key;
    value_ = &map->value;
    return true;
  }

  std::string object_name() const {
    return file_.object.empty() ? std::string(kOwnObject) : file_.object;
  }

  const Field* value_field(const std::string& path) {
    const Field* field = value_->find(path);
    if (field == nullptr) {
      refuse(rule_.position, "no field \"" + path + "\" in " + describe(*value_, "value") +
                                 " of map \"" + rule_.map + "\", expected one of " +
                                 quoted_list(field_names(*value_)));
    }
    return field;
  }

  const Field* integer_field(const std::string& path) {
    const Field* field = value_field(path);
    if (field == nullptr || is_integer(*field)) return field;
    refuse(rule_.position,
           "field \"" + path + "\" is no integer, which a " + type_name() + " needs");
    return nullptr;
  }

  std::string type_name() const {
    switch (rule_.type) {
      case MetricType::kCounter:
        return "counter";
      case MetricType::kGauge:
        return "gauge";
      case MetricType::kHistogram:
        return "histogram";
      case MetricType::kSummary:
        return "summary";
    }
    return "";
  }

  bool compile_value() {
    const bool slots = rule_.type == MetricType::kHistogram ||
                       (rule_.type == MetricType::kSummary && rule_.count.empty());
    return slots ? compile_slots() : compile_number();
  }

  bool compile_number() {
    std::string path = rule_.type == MetricType::kSummary ? rule_.count : rule_.value;
    if (path.empty()) {
      if (value_->fields.size() != 1) {
        return refuse(rule_.position, "map \"" + rule_.map + "\" holds " +
                                          describe(*value_, "values") +
                                          ": name a field of it by value, one of " +
                                          quoted_list(field_names(*value_)));
      }
      path = value_->fields.front().path;
    }
    const Field* number = integer_field(path);
    if (number == nullptr) return false;
    source_.value.number = *number;
    family_.is_signed = number->kind == FieldKind::kSigned;
    if (family_.is_signed && rule_.type != MetricType::kGauge) {
      return refuse(rule_.position, "field \"" + path + "\" is signed, which only a gauge may be");
    }
    return rule_.type != MetricType::kSummary || compile_sum(rule_.sum);
  }

  // The value is a struct with `slots` and `sum` (struct histogram), or an array of counts with the
  // sum, if any, in a field of its own.
  bool compile_slots() {
    const Field* named = rule_.value.empty() ? nullptr : value_->find(rule_.value);
    const bool array = named != nullptr && named->kind == FieldKind::kArray;
    const std::string prefix = rule_.value.empty() ? "" : rule_.value + ".";
    const Field* slots = array ? named : value_->find(prefix + "slots");
    if (slots == nullptr || slots->kind != FieldKind::kArray) {
      return refuse(rule_.position,
                    "\"" + (rule_.value.empty() ? rule_.map : rule_.value) +
                        "\" is no histogram: expected an array of counts, or a struct with an "
                        "array \"slots\", in " +
                        describe(*value_, "value") + " of map \"" + rule_.map + "\"");
    }
    source_.value.slots = *slots;
    std::string sum = rule_.sum;
    if (sum.empty() && !array && value_->find(prefix + "sum") != nullptr) sum = prefix + "sum";
    return compile_sum(sum);
  }

  bool compile_sum(const std::string& path) {
    family_.has_sum = !path.empty();
    if (path.empty()) {
      return rule_.type == MetricType::kHistogram ||
             refuse(rule_.position, "summary \"" + rule_.name + "\" has no sum");
    }
    const Field* sum = integer_field(path);
    if (sum == nullptr) return false;
    source_.value.sum = *sum;
    return true;
  }

  bool compile_buckets(FilePlan& plan) {
    if (!source_.value.slots || source_.netlink) return true;
    const std::string constant = buckets_constant(rule_);
    const auto known = object_.constants.find(constant);
    if (!rule_.buckets) {
      if (known != object_.constants.end()) plan.unasked_buckets.push_back(constant);
      return true;
    }
    const auto buckets = make_buckets(*rule_.buckets, rule_.unit);
    if (!buckets) return refuse(rule_.buckets->position, buckets.error().message);
    if (buckets->bounds.size() + 1 > source_.value.slots->count) {
      return refuse(rule_.buckets->position,
                    std::to_string(buckets->bounds.size()) + " bounds do not fit: map \"" +
                        rule_.map + "\" has " + std::to_string(source_.value.slots->count) +
                        " slots, one of which is for what lies beyond the last bound");
    }
    source_.value.buckets = buckets->bounds.size() + 1;
    family_.header.bounds = bucket_labels(*buckets, rule_.unit);
    if (known == object_.constants.end()) return true;
    if (known->second != buckets->config.size()) {
      return refuse(rule_.buckets->position, "constant \"" + constant +
                                                 "\" is no struct histogram_buckets of this "
                                                 "version");
    }
    plan.constants.push_back({rule_.buckets->position, {constant, buckets->config}});
    return true;
  }

  bool compile_labels() {
    bool good = true;
    for (const LabelRule& rule : rule_.labels) {
      LabelPlan label;
      label.name = rule.name;
      label.constant = rule.constant;
      label.per_cpu = rule.per_cpu;
      if (rule.per_cpu && !per_cpu_map_) {
        good = refuse(rule.position, "map \"" + rule_.map + "\" is not per-CPU, so label \"" +
                                         rule.name + "\" cannot be the CPU");
      }
      if (!rule.field.empty()) good = compile_label_field(rule, label) && good;
      source_.per_cpu_label |= rule.per_cpu;
      family_.label_names.push_back(rule.name);
      source_.labels.push_back(std::move(label));
    }
    return good;
  }

  bool compile_label_field(const LabelRule& rule, LabelPlan& label) {
    const Field* field = key_->find(rule.field);
    if (field == nullptr) {
      return refuse(rule.position, "no field \"" + rule.field + "\" in " + describe(*key_, "key") +
                                       " of map \"" + rule_.map + "\", expected one of " +
                                       quoted_list(field_names(*key_)));
    }
    label.field = *field;
    const DecoderContext decoders = decoder_context(*field);
    for (const YAML::Node& step : rule.decode) {
      auto decoder = make_decoder(step, decoders);
      if (!decoder) {
        const int line = step.Mark().is_null() ? rule.position.line : step.Mark().line + 1;
        return refuse({rule.position.file, line},
                      "label \"" + rule.name + "\": " + decoder.error().message);
      }
      label.chain.push_back(std::move(*decoder));
    }
    if (rule.decode.empty() && !is_integer(*field) && field->kind != FieldKind::kText) {
      return refuse(rule.position, "field \"" + rule.field +
                                       "\" is neither an integer nor a text: label \"" + rule.name +
                                       "\" needs a decode for it");
    }
    return true;
  }

  DecoderContext decoder_context(const Field& field) {
    DecoderContext decoders;
    decoders.host = context_.host;
    decoders.enum_names = [this](std::string_view name) -> std::optional<EnumNames> {
      const auto own = object_.enums.find(std::string(name));
      if (context_.kernel != nullptr) {
        if (auto names = context_.kernel->enumerators(name)) return names;
      }
      if (own != object_.enums.end()) return own->second;
      return {};
    };
    if (field.kind == FieldKind::kEnum) decoders.field_enum = field.enumerators;
    decoders.key_field =
        [key = *key_](std::string_view path) -> std::optional<DecoderContext::IntegerReader> {
      const Field* other = key.find(path);
      if (other == nullptr || !is_integer(*other)) return {};
      return
          [field = *other](std::span<const std::byte> bytes) { return read_integer(field, bytes); };
    };
    return decoders;
  }

  bool compile_where() {
    if (rule_.where.empty()) return true;
    ConditionScope scope;
    scope.label = [this](std::string_view name) -> std::optional<size_t> {
      for (size_t i = 0; i < source_.labels.size(); ++i) {
        if (source_.labels[i].name == name) return i;
      }
      return {};
    };
    scope.field = [this](std::string_view name) -> const Field* {
      const Field* field = key_->find(name);
      return field != nullptr && is_integer(*field) ? field : nullptr;
    };
    auto condition = parse_condition(rule_.where, scope);
    if (!condition) return refuse(rule_.where_position, condition.error().message);
    source_.where = std::move(*condition);
    return true;
  }

  const RuleFile& file_;
  const MetricRule& rule_;
  const ObjectInfo& object_;
  const CompileContext& context_;
  Diagnostics& diagnostics_;
  const Layout* key_ = nullptr;
  const Layout* value_ = nullptr;
  bool per_cpu_map_ = false;
  SourcePlan source_;
  FamilyPlan family_;
};

// "softirq_raise" belongs to probe softirq; "softirq_raise__args2" is a variant of it.
std::string program_role(const std::string& name) { return name.substr(0, name.find("__")); }

void compile_programs(const RuleFile& file, const ObjectInfo& object, FilePlan& plan,
                      Diagnostics& diagnostics) {
  const bool own = file.object.empty();
  std::set<std::string> roles;
  std::set<std::string> probes;
  for (const ObjectInfo::Program& program : object.programs) {
    const std::string role = program_role(program.name);
    probes.insert(role.substr(0, role.find('_')));
    if (!own || role.starts_with(file.probe + "_")) roles.insert(role);
  }
  if (roles.empty()) {
    diagnostics.add(file.probe_position, own ? "no probe \"" + file.probe + "\" in " +
                                                   std::string(kOwnObject) + ", expected one of " +
                                                   quoted_list(probes)
                                             : "no program in " + file.object);
    return;
  }
  for (const std::string& program : file.programs) {
    if (!roles.contains(program)) {
      diagnostics.add(file.probe_position, "no program \"" + program + "\" in probe \"" +
                                               file.probe + "\", expected one of " +
                                               quoted_list(roles));
    }
  }
  plan.probe.probe = file.probe;
  plan.probe.programs = {file.programs.begin(), file.programs.end()};
}

void compile_constants(const RuleFile& file, const ObjectInfo& object, FilePlan& plan,
                       Diagnostics& diagnostics) {
  for (const ConstantRule& rule : file.constants) {
    const auto known = object.constants.find(rule.name);
    if (known == object.constants.end() || known->second > sizeof rule.value) {
      diagnostics.add(rule.position, "the object has no integer constant \"" + rule.name +
                                         "\" (const volatile in its source)");
      continue;
    }
    std::vector<std::byte> bytes(known->second);
    std::memcpy(bytes.data(), &rule.value, bytes.size());  // little-endian
    plan.constants.push_back({rule.position, {rule.name, std::move(bytes)}});
  }
}

void compile_maps(const RuleFile& file, const ObjectInfo& object, const CompileContext& context,
                  FilePlan& plan, Diagnostics& diagnostics) {
  std::map<std::string, uint32_t> entries;
  for (const MaxEntriesRule& rule : file.max_entries) {
    if (object.map(rule.map) == nullptr) {
      diagnostics.add(rule.position, "max_entries: no map \"" + rule.map + "\" in the object");
    }
    entries[rule.map] = rule.entries;
    plan.max_entries.push_back(rule);
  }
  for (const CgroupRule& rule : file.cgroups) {
    const MapInfo* map = object.map(rule.map);
    if (map == nullptr || map->key_size != sizeof(uint64_t)) {
      diagnostics.add(rule.position,
                      "cgroups: \"" + rule.map + "\" is no map keyed by a 64-bit cgroup id");
    }
    plan.cgroups.push_back({rule.map, rule.match});
  }
  for (const MapInfo& known : object.maps) {
    if (file.object.empty() && !known.name.starts_with(file.probe)) continue;
    MapInfo map = known;
    if (const auto size = entries.find(map.name); size != entries.end()) {
      map.max_entries = size->second;
    }
    const uint64_t bytes = map.bytes(context.possible_cpus);
    if (bytes > file.map_memory_limit) {
      diagnostics.add(file.probe_position,
                      "map \"" + map.name + "\" takes " + std::to_string(bytes) +
                          " bytes on this machine's " + std::to_string(context.possible_cpus) +
                          " CPUs, over the quota of " + std::to_string(file.map_memory_limit) +
                          ": lower its max_entries or raise map_memory_limit");
    }
  }
}

// Every probe of our own counts what it loses in a map of one name, so no rule file has to say so.
std::optional<MetricRule> lost_events_rule(const RuleFile& file, const ObjectInfo& object) {
  const std::string map = file.probe + "_lost";
  if (!file.object.empty() || object.map(map) == nullptr) return {};
  std::string prefix = map + "_";
  std::transform(prefix.begin(), prefix.end(), prefix.begin(), ::toupper);
  MetricRule rule;
  rule.position = file.probe_position;
  rule.name = "kernel_exporter_probe_lost_events_total";
  rule.help = "Events that a probe saw and could not count as it should, by reason.";
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
  FilePlan plan;
  plan.object_path = file.object;
  compile_programs(file, object, plan, diagnostics);
  if (!diagnostics.empty()) return plan;
  compile_constants(file, object, plan, diagnostics);
  compile_maps(file, object, context, plan, diagnostics);
  for (const MetricRule& rule : file.metrics) {
    MetricCompiler(file, rule, object, context, diagnostics).compile(plan);
  }
  if (const auto lost = lost_events_rule(file, object)) {
    MetricCompiler(file, *lost, object, context, diagnostics).compile(plan);
  }
  return plan;
}

}  // namespace kernel_exporter

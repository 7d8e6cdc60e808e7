// SPDX-License-Identifier: Apache-2.0
#include "rules/metric_plan.h"

#include <algorithm>
#include <map>

#include "rules/host_source.h"

namespace kernel_exporter {
namespace {

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

// The rule but for help, limits and the order of labels: the same text gives the same samples.
std::string rule_text(const MetricRule& rule, const ValuePlan& value) {
  YAML::Emitter text;
  text << YAML::Flow << YAML::BeginSeq << rule.name << rule.map << rule.source << value.number.path
       << value.slots.value_or(Field()).path << value.sum.value_or(Field()).path << rule.where;
  std::map<std::string_view, const LabelRule*> labels;
  for (const LabelRule& label : rule.labels) labels.emplace(label.name, &label);
  for (const auto& [name, label] : labels) {
    text << label->name << label->field << label->constant.value_or("") << label->per_cpu;
    for (const YAML::Node& step : label->decode) text << step;
  }
  text << YAML::EndSeq;
  return text.c_str();
}

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
    source_.source = rule_.source;
    source_.key = *key_;
    source_.value.type = rule_.type;
    family_.header = {rule_.name, rule_.help, rule_.type, rule_.unit.base, {}};
    family_.position = rule_.position;
    family_.unit = rule_.unit;
    family_.series_limit = rule_.series_limit;
    if (!compile_value() || !compile_buckets(plan) || !compile_labels() || !compile_where()) return;
    source_.rule_text =
        (rule_.source.empty() ? file_.object.name() : "") + rule_text(rule_, source_.value);
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
    if (const HostSource* source = find_host_source(rule_.source)) {
      key_ = &source->key;
      value_ = &source->value;
      return true;
    }
    const MapInfo* map = belongs_to_probe(file_, rule_.map) ? object_.map(rule_.map) : nullptr;
    if (map == nullptr) {
      return refuse(rule_.map_position, unknown_map(file_, object_, rule_.map));
    }
    if (map->value.size == 0 || map->key.size == 0) {
      return refuse(rule_.map_position, "map \"" + rule_.map +
                                            "\" has no BTF for its key and value in " +
                                            object_name(file_) + ", so its fields are unknown");
    }
    per_cpu_map_ = map->per_cpu;
    key_ = &map->key;
    value_ = &map->value;
    return true;
  }

  // "struct softirq_stats of map \"softirq\""
  std::string place(const Layout& layout, std::string_view what) const {
    return describe(layout, what) + " of " +
           (rule_.source.empty() ? "map \"" + rule_.map + "\"" : "source " + rule_.source);
  }

  const Field* integer_field(const std::string& path, const Position& position) {
    const Field* field = value_->find(path);
    if (field == nullptr) {
      refuse(position, "no field \"" + path + "\" in " + place(*value_, "value") +
                           ", expected one of " + quoted_list(field_names(*value_)));
    } else if (!is_integer(*field)) {
      refuse(position,
             "field \"" + path + "\" is not an integer, which a " + type_name() + " needs");
    } else if (field->kind == FieldKind::kSigned && rule_.type != MetricType::kGauge) {
      refuse(position, "field \"" + path + "\" is signed, which only a gauge can be");
    } else {
      return field;
    }
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
    const bool summary = rule_.type == MetricType::kSummary;
    std::string path = summary ? rule_.count : rule_.value;
    if (path.empty()) {
      if (value_->fields.size() != 1) {
        return refuse(rule_.value_position, place(*value_, "value") +
                                                " has several fields: select one with value, of " +
                                                quoted_list(field_names(*value_)));
      }
      path = value_->fields.front().path;
    }
    const Field* number =
        integer_field(path, summary ? rule_.count_position : rule_.value_position);
    if (number == nullptr) return false;
    source_.value.number = *number;
    family_.is_signed = number->kind == FieldKind::kSigned;
    return !summary || compile_sum(rule_.sum);
  }

  // The value is a struct with `slots` and `sum` (struct histogram), or an array of counts with the
  // sum, if any, in a field of its own.
  bool compile_slots() {
    const Field* named = rule_.value.empty() ? nullptr : value_->find(rule_.value);
    const bool array = named != nullptr && named->kind == FieldKind::kArray;
    const std::string prefix = rule_.value.empty() ? "" : rule_.value + ".";
    const Field* slots = array ? named : value_->find(prefix + "slots");
    if (slots == nullptr || slots->kind != FieldKind::kArray) {
      return refuse(rule_.value_position,
                    "\"" + (rule_.value.empty() ? rule_.map : rule_.value) +
                        "\" is not a histogram: expected an array of counts, or a struct with an "
                        "array \"slots\", in " +
                        place(*value_, "value"));
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
    const Field* sum = integer_field(path, rule_.sum_position);
    if (sum == nullptr) return false;
    source_.value.sum = *sum;
    return true;
  }

  bool compile_buckets(FilePlan& plan) {
    if (!source_.value.slots || !rule_.source.empty()) return true;
    const std::string constant = buckets_constant(rule_);
    const auto known = object_.constants.find(constant);
    if (!rule_.buckets) {
      if (known != object_.constants.end() && known->second == no_buckets().size()) {
        plan.unasked_buckets.push_back(constant);
      }
      return true;
    }
    const auto buckets = make_buckets(*rule_.buckets, rule_.unit);
    if (!buckets) return refuse(rule_.buckets->position, buckets.error().message);
    if (buckets->bounds.size() + 1 > source_.value.slots->count) {
      return refuse(rule_.buckets->position,
                    std::to_string(buckets->bounds.size()) + " bounds do not fit: map \"" +
                        rule_.map + "\" has " + std::to_string(source_.value.slots->count) +
                        " slots, one of which is for values beyond the last bound");
    }
    source_.value.buckets = buckets->bounds.size() + 1;
    family_.header.buckets = bucket_layout(*buckets, rule_.unit);
    if (known == object_.constants.end()) return true;
    if (known->second != buckets->config.size()) {
      return refuse(
          rule_.buckets->position,
          "constant \"" + constant + "\" is not a struct histogram_buckets of this version");
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
        good = refuse(rule.position, place(*value_, "value") + " is not per-CPU, so label \"" +
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
      field = value_->find(rule.field);
      label.in_value = true;
    }
    if (field == nullptr || (label.in_value && field->kind != FieldKind::kText)) {
      return refuse(rule.position, "no field \"" + rule.field + "\" in " + place(*key_, "key") +
                                       ", expected one of " + quoted_list(field_names(*key_)));
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

}  // namespace

void compile_metric(const RuleFile& file, const MetricRule& rule, const ObjectInfo& object,
                    const CompileContext& context, FilePlan& plan, Diagnostics& diagnostics) {
  MetricCompiler(file, rule, object, context, diagnostics).compile(plan);
}

bool belongs_to_probe(const RuleFile& file, std::string_view name) {
  if (!file.object.follows_conventions() || name == file.probe) return true;
  return name.starts_with(file.probe) && name.substr(file.probe.size()).starts_with('_');
}

std::string object_name(const RuleFile& file) {
  return file.object.is_embedded() ? "the exporter's own BPF object" : file.object.name();
}

std::string unknown_map(const RuleFile& file, const ObjectInfo& object, const std::string& map) {
  std::vector<std::string_view> names;
  for (const MapInfo& known : object.maps) {
    if (belongs_to_probe(file, known.name)) names.push_back(known.name);
  }
  const std::string probe =
      file.object.follows_conventions() ? "probe \"" + file.probe + "\" of " : "";
  return "no map \"" + map + "\" in " + probe + object_name(file) + ", expected one of " +
         quoted_list(names);
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "rules/parse.h"

#include <yaml-cpp/depthguard.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/utf8.h"
#include "config/one_document.h"
#include "config/yaml_section.h"
#include "rules/host_source.h"
#include "rules/names.h"

namespace kernel_exporter {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr uint64_t kMaxSeriesLimit = 1'000'000;

MetricType parse_type(YamlSection& section) {
  constexpr std::array<std::pair<std::string_view, MetricType>, 4> kTypes = {{
      {"counter", MetricType::kCounter},
      {"gauge", MetricType::kGauge},
      {"histogram", MetricType::kHistogram},
      {"summary", MetricType::kSummary},
  }};
  const YAML::Node node = section.take("type");
  const std::string name = section.required_text("type");
  for (const auto& [text, type] : kTypes) {
    if (text == name) return type;
  }
  if (!name.empty()) {
    section.error(
        node, "unknown type \"" + name + "\", expected one of counter, gauge, histogram, summary");
  }
  return MetricType::kGauge;
}

Unit parse_unit(YamlSection& section) {
  const YAML::Node node = section.take("unit");
  const std::string name = section.text("unit");
  const auto unit = find_unit(name.empty() ? "none" : name);
  if (unit) return *unit;
  section.error(node, unit.error().message);
  return *find_unit("none");
}

std::optional<BucketRule> parse_buckets(YamlSection& metric) {
  const YAML::Node node = metric.take("buckets");
  if (node.IsNull()) return {};
  BucketRule rule;
  rule.position = metric.at(node);
  if (node.IsSequence()) {
    rule.bounds = metric.text_list("buckets");
    return rule;
  }
  YamlSection section(node, metric.file(), "buckets", metric.diagnostics());
  const YAML::Node linear = section.take("linear");
  const YAML::Node exponential = section.take("exponential");
  section.finish();
  if (linear.IsNull() == exponential.IsNull()) {
    section.error(node,
                  "buckets must be a list of bounds, {linear: {from, width, count}} or "
                  "{exponential: {from, to, factor}}");
    return {};
  }
  if (!linear.IsNull()) {
    YamlSection shape(linear, metric.file(), "linear buckets", metric.diagnostics());
    rule.kind = BucketRule::Kind::kLinear;
    rule.from = shape.required_text("from");
    rule.width = shape.required_text("width");
    rule.count = shape.number("count").value_or(0);
    shape.finish();
  } else {
    YamlSection shape(exponential, metric.file(), "exponential buckets", metric.diagnostics());
    rule.kind = BucketRule::Kind::kExponential;
    rule.from = shape.required_text("from");
    rule.to = shape.required_text("to");
    rule.factor = shape.number("factor").value_or(2);
    shape.finish();
  }
  return rule;
}

LabelRule parse_label(const std::string& name, const YAML::Node& node, YamlSection& metric) {
  LabelRule rule;
  rule.name = name;
  YamlSection section(node, metric.file(), "label \"" + name + "\"", metric.diagnostics());
  rule.position = section.position();
  if (!is_label_name(name)) {
    section.error(
        node,
        "\"" + name +
            "\" is not a label name: letters, digits and _, not starting with a digit or __, " +
            "not \"le\" or \"quantile\"");
  }
  rule.field = section.text("field");
  const YAML::Node constant = section.take("value");
  if (!constant.IsNull()) rule.constant = section.text("value");
  rule.per_cpu = section.flag("percpu");
  const YAML::Node decode = section.take("decode");
  if (decode.IsSequence()) {
    for (const YAML::Node& step : decode) rule.decode.push_back(step);
  } else if (!decode.IsNull()) {
    rule.decode.push_back(decode);
  }
  section.finish();
  const int sources = !rule.field.empty() + rule.constant.has_value() + rule.per_cpu;
  if (sources != 1) {
    section.error(node, "label \"" + name +
                            "\" needs exactly one of field (of the map's key), value (a constant "
                            "text) and percpu (true)");
  }
  if (!rule.decode.empty() && rule.field.empty()) {
    section.error(decode, "label \"" + name + "\" has no field to decode");
  }
  return rule;
}

void check_name(const MetricRule& rule, YamlSection& section) {
  const auto problem = metric_name_problem(rule.name, rule.type, rule.unit);
  if (problem) section.error(section.take("name"), *problem);
}

void check_shape(const MetricRule& rule, YamlSection& section) {
  const bool distribution =
      rule.type == MetricType::kHistogram || rule.type == MetricType::kSummary;
  if (rule.map.empty() == rule.source.empty()) {
    section.error(section.take("map"), "metric \"" + rule.name +
                                           "\" needs exactly one of map (of the BPF object) and "
                                           "source (of the host)");
  }
  if (!rule.source.empty() && find_host_source(rule.source) == nullptr) {
    section.error(section.take("source"), "unknown source \"" + rule.source +
                                              "\", expected one of " +
                                              quoted_list(host_source_names()));
  }
  if (!distribution && !rule.sum.empty()) {
    section.error(section.take("sum"), "only histograms and summaries have a sum");
  }
  if (rule.type != MetricType::kSummary && !rule.count.empty()) {
    section.error(section.take("count"), "only summaries have a count");
  }
  if (!rule.count.empty() && !rule.value.empty()) {
    section.error(section.take("value"), "a summary has either a value or a count and a sum");
  }
  if (rule.type == MetricType::kHistogram && !rule.buckets) {
    section.error(section.take("name"), "histogram \"" + rule.name + "\" has no buckets");
  }
  if (rule.type != MetricType::kHistogram && rule.buckets) {
    section.error(section.take("buckets"), "only histograms have buckets");
  }
  if (rule.series_limit == 0 || rule.series_limit > kMaxSeriesLimit) {
    section.error(section.take("series_limit"), "series_limit must be from 1 to 1000000");
  }
}

MetricRule parse_metric(const YAML::Node& node, const std::string& path, Diagnostics& diagnostics) {
  YamlSection section(node, path, "metric", diagnostics);
  MetricRule rule;
  rule.position = section.position();
  rule.name = section.required_text("name");
  rule.help = section.required_text("help");
  rule.type = parse_type(section);
  rule.map = section.text("map");
  rule.map_position = section.at(section.take("map"));
  rule.source = section.text("source");
  rule.value = section.text("value");
  rule.value_position = section.at(section.take("value"));
  rule.sum = section.text("sum");
  rule.sum_position = section.at(section.take("sum"));
  rule.count = section.text("count");
  rule.count_position = section.at(section.take("count"));
  rule.unit = parse_unit(section);
  rule.buckets = parse_buckets(section);
  section.each_entry("labels", [&](const std::string& name, const YAML::Node& label) {
    rule.labels.push_back(parse_label(name, label, section));
  });
  rule.where = section.text("where");
  rule.where_position = section.at(section.take("where"));
  rule.series_limit = section.number("series_limit").value_or(rule.series_limit);
  section.finish();
  check_name(rule, section);
  check_shape(rule, section);
  return rule;
}

void parse_settings(YamlSection& section, RuleFile& file) {
  section.each_entry("constants", [&](const std::string& name, const YAML::Node& node) {
    const auto value = section.signed_number(node, "constant \"" + name + "\"");
    if (value) file.constants.push_back({section.at(node), name, *value});
  });
  section.each_entry("max_entries", [&](const std::string& map, const YAML::Node& node) {
    const auto entries = whole_number(node);
    if (!entries || *entries == 0 || *entries > UINT32_MAX) {
      section.error(node, "max_entries of \"" + map + "\" must be from 1 to 4294967295");
      return;
    }
    file.max_entries.push_back({section.at(node), map, static_cast<uint32_t>(*entries)});
  });
  const YAML::Node cgroups = section.take("cgroups");
  if (!cgroups.IsNull()) {
    YamlSection selection(cgroups, section.file(), "cgroups", section.diagnostics());
    CgroupRule rule{selection.position(), selection.required_text("map"),
                    selection.text_list("match")};
    selection.finish();
    if (rule.match.empty()) selection.error(cgroups, "cgroups has no \"match\" list of globs");
    file.cgroups.push_back(std::move(rule));
  }
  const YAML::Node limit = section.take("map_memory_limit");
  const std::string limit_text = section.text("map_memory_limit");
  if (!limit_text.empty()) {
    const auto bytes = parse_bytes(limit_text);
    if (bytes) {
      file.map_memory_limit = *bytes;
    } else {
      section.error(limit, "map_memory_limit: " + bytes.error().message);
    }
  }
}

void parse_document(const YAML::Node& document, RuleFile& file, Diagnostics& diagnostics) {
  YamlSection section(document, file.path, "rule file", diagnostics);
  if (!document.IsMap()) return;  // said so; without keys there is nothing more to say
  file.probe_position = section.at(section.take("probe"));
  file.probe = section.required_text("probe");
  file.object_position = section.at(section.take("object"));
  const std::string object = section.text("object");
  if (!object.empty()) {
    const auto folder = std::filesystem::path(file.path).parent_path();
    file.object = ObjectSource::file((folder / object).lexically_normal());
  }
  if (!file.probe.empty() && !is_probe_name(file.probe)) {
    section.error(section.take("probe"),
                  "\"" + file.probe +
                      "\" is not a probe name: at most 15 lower-case letters, "
                      "digits and _");
  }
  file.updates = section.flag("updates");
  file.programs_position = section.at(section.take("programs"));
  file.programs = section.text_list("programs");
  parse_settings(section, file);
  const YAML::Node metrics = section.take("metrics");
  section.finish();
  if (!metrics.IsSequence() || metrics.size() == 0) {
    section.error(metrics, "rule file has no \"metrics\" list");
    return;
  }
  for (const YAML::Node& metric : metrics) {
    file.metrics.push_back(parse_metric(metric, file.path, diagnostics));
  }
}

// What no YAML parser should have to judge: yaml-cpp takes bytes that are no UTF-8 as they are, and
// UTF-16 for text.
bool is_text(const std::string& path, std::string_view text, Diagnostics& diagnostics) {
  if (text.size() > kMaxFileBytes) {
    diagnostics.add({path, 0}, "is larger than 1 MiB");
    return false;
  }
  if (text.find('\0') != std::string_view::npos) {
    diagnostics.add({path, 0}, "is binary, expected YAML text");
    return false;
  }
  const std::string valid = to_valid_utf8(text);
  const auto wrong = std::ranges::mismatch(text, valid).in1;
  if (wrong == text.end()) return true;
  const auto line = 1 + std::count(text.begin(), wrong, '\n');
  diagnostics.add({path, static_cast<int>(line)}, "is not UTF-8, expected YAML text in UTF-8");
  return false;
}

void parse_text(std::string_view text, RuleFile& file, Diagnostics& diagnostics) {
  const YAML::Node document = load_one_document(std::string(text));
  if (document.IsNull()) {
    diagnostics.add({file.path, 0}, "the rule file is empty");
  } else {
    parse_document(document, file, diagnostics);
  }
}

}  // namespace

RuleFile parse_rules(const std::string& path, std::string_view text, Diagnostics& diagnostics) {
  RuleFile file;
  file.path = path;
  if (!is_text(path, text, diagnostics)) return file;
  // yaml-cpp's own limit on nesting keeps hostile depth from the stack; its exceptions end here.
  try {
    parse_text(text, file, diagnostics);
  } catch (const YAML::DeepRecursion& error) {
    diagnostics.add({path, error.mark.line + 1}, "lists and mappings are nested too deeply");
  } catch (const YAML::Exception& error) {
    diagnostics.add({path, error.mark.is_null() ? 0 : error.mark.line + 1}, error.msg);
  } catch (const std::exception& error) {
    diagnostics.add({path, 0}, error.what());
  }
  return file;
}

RuleFile read_rules(const std::string& path, Diagnostics& diagnostics) {
  RuleFile file;
  file.path = path;
  std::error_code status;
  if (std::filesystem::is_directory(path, status)) {
    diagnostics.add({path, 0}, "is a directory, expected a rule file");
    return file;
  }
  if (std::filesystem::exists(path, status) && !std::filesystem::is_regular_file(path, status)) {
    diagnostics.add({path, 0}, "is not a regular file, expected a rule file");
    return file;
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    diagnostics.add({path, 0}, "cannot be read: " + errno_text(errno));
    return file;
  }
  std::string text(kMaxFileBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) {
    diagnostics.add({path, 0}, "cannot be read: " + errno_text(errno));
    return file;
  }
  text.resize(static_cast<size_t>(stream.gcount()));
  return parse_rules(path, text, diagnostics);
}

}  // namespace kernel_exporter

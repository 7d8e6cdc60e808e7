// SPDX-License-Identifier: Apache-2.0
#include "rules/names.h"

#include <algorithm>
#include <array>

namespace kernel_exporter {
namespace {

bool is_word(std::string_view name, bool colon) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (colon && c == ':');
  });
}

}  // namespace

bool is_probe_name(std::string_view name) {
  return !name.empty() && name.size() <= 15 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_label_name(std::string_view name) {
  return is_word(name, false) && !name.starts_with("__") && name != "le" && name != "quantile";
}

std::optional<std::string> metric_name_problem(std::string_view name, MetricType type,
                                               const Unit& unit) {
  const std::string quoted = "\"" + std::string(name) + "\"";
  if (name.empty()) return {};
  if (!is_word(name, false)) {
    return quoted + " is not a metric name: letters, digits and _, not starting with a digit";
  }
  for (const std::string_view own : {"kernel_exporter_", "process_"}) {
    if (name.starts_with(own)) {
      return quoted + " begins with " + std::string(own) + ", which is reserved for the exporter";
    }
  }
  std::string_view stem = name;
  if (type == MetricType::kCounter) {
    if (!name.ends_with("_total")) return "counter " + quoted + " must end in _total";
    stem.remove_suffix(6);
    if (stem.empty()) return quoted + " has no name before _total";
  }
  constexpr std::array<std::string_view, 5> kReserved = {"_total", "_count", "_sum", "_bucket",
                                                         "_created"};
  for (std::string_view suffix : kReserved) {
    if (stem.ends_with(suffix)) {
      return quoted + " ends in " + std::string(suffix) +
             ", which is reserved by the exposition formats";
    }
  }
  if (!unit.base.empty() && !stem.ends_with("_" + unit.base)) {
    return "unit " + unit.name + " is exported in " + unit.base + ", so " + quoted +
           " must end in _" + unit.base + (type == MetricType::kCounter ? "_total" : "");
  }
  return {};
}

}  // namespace kernel_exporter

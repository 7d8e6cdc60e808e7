// SPDX-License-Identifier: Apache-2.0
#include "samples.h"

#include <algorithm>
#include <cstdlib>

#include "text.h"

namespace kernel_exporter {
namespace {

// Takes `{name="value",...}` off the front of the text.
Samples::Labels take_labels(std::string_view& text) {
  Samples::Labels labels;
  text.remove_prefix(1);
  while (!text.empty() && text[0] != '}') {
    const size_t equals = text.find("=\"");
    if (equals == std::string_view::npos) break;
    const std::string name(text.substr(0, equals));
    text.remove_prefix(equals + 2);
    std::string value;
    while (!text.empty() && text[0] != '"') {
      if (text[0] == '\\') text.remove_prefix(1);
      value += text[0];
      text.remove_prefix(1);
    }
    labels[name] = value;
    text.remove_prefix(1);
    if (!text.empty() && text[0] == ',') text.remove_prefix(1);
  }
  if (text.empty()) give_up_plainly("labels without an end");
  text.remove_prefix(1);
  return labels;
}

bool has(const Samples::Labels& labels, const Samples::Labels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
    const auto found = labels.find(label.first);
    return found != labels.end() && found->second == label.second;
  });
}

}  // namespace

Samples::Samples(std::string_view text) {
  for (const std::string& line : lines(text)) {
    if (line.empty() || line[0] == '#') continue;
    std::string_view rest = line;
    const size_t name_end = rest.find_first_of("{ ");
    if (name_end == std::string_view::npos) give_up_plainly("no sample: " + line);
    const std::string name(rest.substr(0, name_end));
    rest.remove_prefix(name_end);
    Sample sample;
    if (rest[0] == '{') sample.labels = take_labels(rest);
    sample.value = std::strtod(std::string(rest).c_str(), nullptr);
    samples_[name].push_back(std::move(sample));
  }
}

double Samples::sum(const std::string& name, const Labels& having) const {
  double sum = 0;
  if (const auto found = samples_.find(name); found != samples_.end()) {
    for (const Sample& sample : found->second) {
      if (has(sample.labels, having)) sum += sample.value;
    }
  }
  return sum;
}

size_t Samples::count(const std::string& name, const Labels& having) const {
  const auto found = samples_.find(name);
  if (found == samples_.end()) return 0;
  return static_cast<size_t>(
      std::count_if(found->second.begin(), found->second.end(),
                    [&](const Sample& sample) { return has(sample.labels, having); }));
}

std::set<std::string> Samples::label_values(const std::string& name,
                                            const std::string& label) const {
  std::set<std::string> values;
  if (const auto found = samples_.find(name); found != samples_.end()) {
    for (const Sample& sample : found->second) {
      if (const auto value = sample.labels.find(label); value != sample.labels.end()) {
        values.insert(value->second);
      }
    }
  }
  return values;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace kernel_exporter {

enum class MetricType { kCounter, kGauge, kHistogram, kSummary };

struct FamilyHeader {
  std::string name;  // in full, with _total on counters
  std::string help;  // any UTF-8; the writers escape
  MetricType type = MetricType::kCounter;
  std::string unit;                 // base unit in the name ("seconds", "bytes"), "" for none
  std::vector<std::string> bounds;  // histograms: `le` values in canonical form, ascending, no +Inf
};

}  // namespace kernel_exporter

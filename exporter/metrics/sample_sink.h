// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "metrics/labels.h"
#include "rules/family_header.h"

namespace kernel_exporter {

using SystemTime = std::chrono::system_clock::time_point;

// One count a bucket, not cumulated, the last one beyond the last bound of the family's header:
// bounds.size() + 1 of them. A histogram may have no sum.
struct HistogramValue {
  std::span<const uint64_t> counts;
  std::optional<double> sum;
};

struct SummaryValue {
  uint64_t count = 0;
  double sum = 0;
};

// Whole numbers stay whole: 64 bits do not fit a double.
using SampleValue = std::variant<uint64_t, double, HistogramValue, SummaryValue>;

// One series in one scrape, valid during the call. Whatever else a format may show of a series
// becomes a field with a default here, so that sources which do not have it stay as they are.
struct Sample {
  const Labels& labels;
  SampleValue value;
  // Of counters, histograms and summaries: a time at which the series still stood at 0. None for
  // gauges, and where what counts began before we did.
  std::optional<SystemTime> start;
};

// What a scrape is streamed into: the writers of exposition/ implement it. Sources of samples call
// it through FamilyStream (family_stream.h) alone, so families come whole, once each, and none
// without a sample.
class SampleSink {
 public:
  virtual ~SampleSink() = default;

 private:
  friend class FamilyStream;

  // The header stays valid until the family's last sample.
  virtual void begin_family(const FamilyHeader& family) = 0;
  virtual void sample(const Sample& sample) = 0;
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "metrics/registry_source.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "metrics/family_stream.h"

namespace kernel_exporter {
namespace {

using prometheus::ClientMetric;

MetricType sink_type(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return MetricType::kCounter;
    case prometheus::MetricType::Histogram:
      return MetricType::kHistogram;
    case prometheus::MetricType::Summary:
      return MetricType::kSummary;
    case prometheus::MetricType::Gauge:
    case prometheus::MetricType::Untyped:
      break;
  }
  return MetricType::kGauge;
}

std::string_view unit_of(std::string_view name) {
  for (const std::string_view suffix : {"_seconds", "_bytes", "_ratio"}) {
    if (name.ends_with(suffix)) return suffix.substr(1);
  }
  return {};
}

FamilyHeader header_of(const prometheus::MetricFamily& family) {
  constexpr std::string_view kTotal = "_total";
  FamilyHeader header;
  header.name = family.name;
  header.help = family.help;
  header.type = sink_type(family.type);
  std::string_view base = family.name;
  if (header.type == MetricType::kCounter) {
    if (base.ends_with(kTotal)) {
      base.remove_suffix(kTotal.size());
    } else {
      header.name += kTotal;
    }
  }
  header.unit = unit_of(base);
  if (header.type == MetricType::kHistogram) {
    for (const auto& bucket : family.metric.front().histogram.bucket) {
      if (std::isinf(bucket.upper_bound)) continue;
      header.buckets.bounds.push_back(bucket.upper_bound);
    }
  }
  return header;
}

// prometheus-cpp cumulates its buckets and may or may not list the +Inf one.
std::vector<uint64_t> plain_counts(const ClientMetric::Histogram& histogram, size_t bounds) {
  std::vector<uint64_t> counts(bounds + 1);
  uint64_t below = 0;
  for (size_t i = 0; i < bounds && i < histogram.bucket.size(); ++i) {
    counts[i] = histogram.bucket[i].cumulative_count - below;
    below = histogram.bucket[i].cumulative_count;
  }
  counts[bounds] = histogram.sample_count - below;
  return counts;
}

// `counts` holds those of a histogram as long as its sample is needed.
SampleValue value_of(const ClientMetric& metric, prometheus::MetricType type, size_t bounds,
                     std::vector<uint64_t>& counts) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return metric.counter.value;
    case prometheus::MetricType::Untyped:
      return metric.untyped.value;
    case prometheus::MetricType::Summary:
      return SummaryValue{metric.summary.sample_count, metric.summary.sample_sum};
    case prometheus::MetricType::Histogram:
      counts = plain_counts(metric.histogram, bounds);
      return HistogramValue{counts, metric.histogram.sample_sum};
    case prometheus::MetricType::Gauge:
      break;
  }
  return metric.gauge.value;
}

}  // namespace

void write_families(const std::vector<prometheus::MetricFamily>& families,
                    std::optional<SystemTime> start, SampleSink& sink) {
  std::vector<Label> labels;
  std::vector<uint64_t> counts;
  for (const auto& family : families) {
    if (family.metric.empty()) continue;
    const FamilyHeader header = header_of(family);
    const bool gauge = header.type == MetricType::kGauge;
    FamilyStream stream(sink, header);
    for (const auto& metric : family.metric) {
      labels.clear();
      for (const auto& label : metric.label) labels.push_back({label.name, label.value});
      stream.add(Labels(std::span<const Label>(labels)),
                 value_of(metric, family.type, header.buckets.bounds.size(), counts),
                 gauge ? std::nullopt : start);
    }
  }
}

}  // namespace kernel_exporter

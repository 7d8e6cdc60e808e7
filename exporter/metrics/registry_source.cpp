// SPDX-License-Identifier: Apache-2.0
#include "metrics/registry_source.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "base/number.h"
#include "metrics/label_block.h"

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
      header.bounds.push_back(canonical_bound(bucket.upper_bound));
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

void write_metric(const prometheus::MetricFamily& family, const ClientMetric& metric,
                  const std::string& labels, size_t bounds, SampleSink& sink) {
  switch (family.type) {
    case prometheus::MetricType::Counter:
      return sink.value(labels, metric.counter.value);
    case prometheus::MetricType::Gauge:
      return sink.value(labels, metric.gauge.value);
    case prometheus::MetricType::Untyped:
      return sink.value(labels, metric.untyped.value);
    case prometheus::MetricType::Summary:
      return sink.summary(labels, metric.summary.sample_count, metric.summary.sample_sum);
    case prometheus::MetricType::Histogram:
      return sink.histogram(labels, plain_counts(metric.histogram, bounds),
                            metric.histogram.sample_sum);
  }
}

}  // namespace

void write_families(const std::vector<prometheus::MetricFamily>& families, SampleSink& sink) {
  for (const auto& family : families) {
    if (family.metric.empty()) continue;
    const FamilyHeader header = header_of(family);
    sink.begin_family(header);
    std::string labels;
    for (const auto& metric : family.metric) {
      labels.clear();
      for (const auto& label : metric.label) append_label(labels, label.name, label.value);
      write_metric(family, metric, labels, header.bounds.size(), sink);
    }
  }
}

}  // namespace kernel_exporter

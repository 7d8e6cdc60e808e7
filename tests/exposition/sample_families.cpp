// SPDX-License-Identifier: Apache-2.0
#include "sample_families.h"

#include <cmath>
#include <limits>

#include "metrics/family_stream.h"

namespace kernel_exporter {
namespace {

FamilyHeader header(std::string name, std::string help, MetricType type, std::string unit = "",
                    std::vector<double> bounds = {}) {
  return {std::move(name),
          std::move(help),
          type,
          std::move(unit),
          {BucketKind::kListed, std::move(bounds)}};
}

void write_counters(SampleSink& sink) {
  const auto drops = header("kernel_netdev_rx_dropped_total", "Frames \"dropped\" by the kernel.",
                            MetricType::kCounter);
  FamilyStream dropped(sink, drops);
  dropped.add({{"device", "eth0"}}, uint64_t{18446744073709551615u});
  dropped.add({{"device", "a\"b\\c\nd"}}, uint64_t{0});
  dropped.add({{"device", "gr\xc3\xbcn"}}, uint64_t{7});
  const auto bytes = header("ota_written_bytes_total", "Bytes written.\nBackslash: \\",
                            MetricType::kCounter, "bytes");
  FamilyStream(sink, bytes).add({}, 0.1 + 0.2);
}

void write_gauges(SampleSink& sink) {
  const auto degrees = header("kernel_temperature", "", MetricType::kGauge);
  FamilyStream temperature(sink, degrees);
  temperature.add({{"kind", "none"}}, std::numeric_limits<double>::quiet_NaN());
  temperature.add({{"kind", "most"}}, std::numeric_limits<double>::infinity());
  temperature.add({{"kind", "least"}}, -std::numeric_limits<double>::infinity());
  temperature.add({{"kind", "cold"}}, -273.15);
  temperature.add({{"kind", "small"}}, 1e-9);
  // The unit is not the name's suffix: no UNIT line.
  const auto entries = header("kernel_entries", "Entries.", MetricType::kGauge, "seconds");
  FamilyStream(sink, entries).add({}, uint64_t{3});
}

void write_distributions(SampleSink& sink) {
  const std::vector<double> bounds = {1e-05, 0.0001, 1};
  const auto raised = header("kernel_softirq_latency_seconds", "Raise to entry.",
                             MetricType::kHistogram, "seconds", bounds);
  FamilyStream softirq(sink, raised);
  const uint64_t some[] = {1, 0, 2, 4};
  softirq.add({{"vector", "net_rx"}}, HistogramValue{some, 4.25});
  const uint64_t none[] = {0, 0, 0, 0};
  softirq.add({}, HistogramValue{none, 0.0});
  const auto waited = header("kernel_runqueue_latency_seconds", "Waiting, without a sum.",
                             MetricType::kHistogram, "seconds", bounds);
  FamilyStream(sink, waited).add({}, HistogramValue{some, std::nullopt});
  const auto scraped = header("kernel_exporter_scrape_duration_seconds", "Scrapes.",
                              MetricType::kSummary, "seconds");
  FamilyStream scrapes(sink, scraped);
  scrapes.add({}, SummaryValue{12, 0.5});
  scrapes.add({{"handler", "metrics"}}, SummaryValue{1, 1e-5});
}

}  // namespace

void write_sample_families(SampleSink& sink) {
  write_counters(sink);
  write_gauges(sink);
  write_distributions(sink);
}

}  // namespace kernel_exporter

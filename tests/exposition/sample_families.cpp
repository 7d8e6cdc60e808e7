// SPDX-License-Identifier: Apache-2.0
#include "sample_families.h"

#include <cmath>
#include <limits>

#include "metrics/label_block.h"

namespace kernel_exporter {
namespace {

std::string label(std::string_view name, std::string_view value) {
  std::string block;
  append_label(block, name, value);
  return block;
}

FamilyHeader header(std::string name, std::string help, MetricType type, std::string unit = "",
                    std::vector<std::string> bounds = {}) {
  return {std::move(name), std::move(help), type, std::move(unit), std::move(bounds)};
}

void write_counters(SampleSink& sink) {
  sink.begin_family(header("kernel_netdev_rx_dropped_total", "Frames \"dropped\" by the kernel.",
                           MetricType::kCounter));
  sink.value(label("device", "eth0"), uint64_t{18446744073709551615u});
  sink.value(label("device", "a\"b\\c\nd"), uint64_t{0});
  sink.value(label("device", "gr\xc3\xbcn"), uint64_t{7});
  sink.begin_family(header("ota_written_bytes_total", "Bytes written.\nBackslash: \\",
                           MetricType::kCounter, "bytes"));
  sink.value("", 0.1 + 0.2);
}

void write_gauges(SampleSink& sink) {
  sink.begin_family(header("kernel_temperature", "", MetricType::kGauge));
  sink.value(label("kind", "none"), std::numeric_limits<double>::quiet_NaN());
  sink.value(label("kind", "most"), std::numeric_limits<double>::infinity());
  sink.value(label("kind", "least"), -std::numeric_limits<double>::infinity());
  sink.value(label("kind", "cold"), -273.15);
  sink.value(label("kind", "small"), 1e-9);
  // The unit is not the name's suffix: no UNIT line.
  sink.begin_family(header("kernel_entries", "Entries.", MetricType::kGauge, "seconds"));
  sink.value("", uint64_t{3});
}

void write_distributions(SampleSink& sink) {
  const std::vector<std::string> bounds = {"1e-05", "0.0001", "1.0"};
  sink.begin_family(header("kernel_softirq_latency_seconds", "Raise to entry.",
                           MetricType::kHistogram, "seconds", bounds));
  const uint64_t some[] = {1, 0, 2, 4};
  sink.histogram("vector=\"net_rx\"", some, 4.25);
  const uint64_t none[] = {0, 0, 0, 0};
  sink.histogram("", none, 0.0);
  sink.begin_family(header("kernel_runqueue_latency_seconds", "Waiting, without a sum.",
                           MetricType::kHistogram, "seconds", bounds));
  sink.histogram("", some, std::nullopt);
  sink.begin_family(header("kernel_exporter_scrape_duration_seconds", "Scrapes.",
                           MetricType::kSummary, "seconds"));
  sink.summary("", 12, 0.5);
  sink.summary("handler=\"metrics\"", 1, 1e-5);
}

}  // namespace

void write_sample_families(SampleSink& sink) {
  write_counters(sink);
  write_gauges(sink);
  write_distributions(sink);
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "metrics/registry_source.h"

#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>

#include <sstream>

#include "base/number.h"
#include "recording_sink.h"
#include "sample_text.h"

namespace kernel_exporter {
namespace {

// Writes down what a sink is told, one line a call.
class Transcript : public SampleSink {
 public:
  void begin_family(const FamilyHeader& family) override {
    text_ << "family " << family.name << " " << static_cast<int>(family.type) << " [" << family.unit
          << "] " << family.help;
    for (const double bound : family.buckets.bounds) text_ << " " << canonical_bound(bound);
    text_ << "\n";
  }
  void sample(const Sample& sample) override {
    text_ << "{" << text_of(sample.labels) << "} ";
    std::visit([this](const auto& value) { write(value); }, sample.value);
    text_ << "\n";
  }
  std::string text() const { return text_.str(); }

 private:
  void write(auto number) { text_ << number; }
  void write(const HistogramValue& histogram) {
    for (const auto count : histogram.counts) text_ << count << " ";
    text_ << "sum " << histogram.sum.value_or(-1);
  }
  void write(const SummaryValue& summary) { text_ << summary.count << " sum " << summary.sum; }

  std::ostringstream text_;
};

std::string transcript(const std::vector<prometheus::MetricFamily>& families) {
  Transcript sink;
  write_families(families, std::nullopt, sink);
  return sink.text();
}

TEST(WriteFamilies, BridgesCountersAndGauges) {
  prometheus::Registry registry;
  prometheus::BuildCounter()
      .Name("jobs_total")
      .Help("Jobs.")
      .Register(registry)
      .Add({{"kind", "a\"b"}})
      .Increment(3);
  prometheus::BuildGauge().Name("age_seconds").Help("Age.").Register(registry).Add({}).Set(1.5);
  const auto text = transcript(registry.Collect());
  EXPECT_NE(text.find("family jobs_total 0 [] Jobs.\n{kind=\"a\\\"b\"} 3\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("family age_seconds 1 [seconds] Age.\n{} 1.5\n"), std::string::npos) << text;
}

TEST(WriteFamilies, SaysSinceWhenCountersCount) {
  prometheus::Registry registry;
  prometheus::BuildCounter().Name("jobs_total").Register(registry).Add({{"kind", "a\"b"}});
  prometheus::BuildGauge().Name("age_seconds").Register(registry).Add({});
  RecordingSink sink;
  const SystemTime start{std::chrono::hours(24)};
  write_families(registry.Collect(), start, sink);
  const RecordedSample& jobs = sink.families.at("jobs_total").samples.at(0);
  EXPECT_EQ(jobs.start, start);
  EXPECT_EQ(jobs.labels.at(0), (std::pair<std::string, std::string>("kind", "a\"b")));
  EXPECT_EQ(sink.families.at("age_seconds").samples.at(0).start, std::nullopt);
}

TEST(WriteFamilies, GivesCountersTheirSuffix) {
  prometheus::MetricFamily family{"work_bytes", "", prometheus::MetricType::Counter, {{}}};
  EXPECT_EQ(transcript({family}), "family work_bytes_total 0 [bytes] \n{} 0\n");
}

TEST(WriteFamilies, TurnsCumulatedBucketsIntoPlainOnes) {
  prometheus::Registry registry;
  auto& histogram = prometheus::BuildHistogram()
                        .Name("wait_seconds")
                        .Register(registry)
                        .Add({}, prometheus::Histogram::BucketBoundaries{0.00001, 1, 2});
  for (const double value : {0.5, 0.6, 1.5, 7.0, 8.0, 9.0}) histogram.Observe(value);
  EXPECT_EQ(transcript(registry.Collect()),
            "family wait_seconds 2 [seconds]  1e-05 1.0 2.0\n{} 0 2 1 3 sum 26.6\n");
}

TEST(WriteFamilies, KeepsCountAndSumOfSummaries) {
  prometheus::Registry registry;
  auto& summary = prometheus::BuildSummary()
                      .Name("size_bytes")
                      .Register(registry)
                      .Add({{"side", "in"}}, prometheus::Summary::Quantiles{{0.5, 0.05}});
  summary.Observe(10);
  summary.Observe(32);
  EXPECT_EQ(transcript(registry.Collect()),
            "family size_bytes 3 [bytes] \n{side=\"in\"} 2 sum 42\n");
}

TEST(WriteFamilies, TreatsUntypedAsGaugeAndLeavesEmptyFamiliesOut) {
  prometheus::ClientMetric metric;
  metric.untyped.value = 4;
  const std::vector<prometheus::MetricFamily> families = {
      {"empty", "", prometheus::MetricType::Gauge, {}},
      {"thing", "", prometheus::MetricType::Untyped, {metric}}};
  EXPECT_EQ(transcript(families), "family thing 1 [] \n{} 4\n");
}

}  // namespace
}  // namespace kernel_exporter

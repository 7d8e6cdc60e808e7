// SPDX-License-Identifier: Apache-2.0
#include "ota/ota_metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "../host/temporary_tree.h"
#include "../metrics/sample_text.h"

namespace kernel_exporter {
namespace {

// Families and samples by their text; a family or series that comes twice fails.
class Samples : public SampleSink {
 public:
  void begin_family(const FamilyHeader& family) override {
    EXPECT_TRUE(families.insert(family.name).second) << family.name;
    EXPECT_FALSE(family.help.empty()) << family.name;
    EXPECT_EQ(family.name.ends_with("_total"), family.type == MetricType::kCounter) << family.name;
    name_ = family.name;
  }
  void sample(const Sample& sample) override {
    const std::string name = name_ + "{" + text_of(sample.labels) + "}";
    EXPECT_TRUE(series.emplace(name, number_of(sample.value)).second) << name;
  }

  std::set<std::string> families;
  std::map<std::string, double> series;

 private:
  std::string name_;
};

class OtaMetricsTest : public testing::Test {
 protected:
  OtaMetricsTest() {
    config_.ledger = tree_.path("ota.ledger");
    config_.engines = {"rauc"};
    tracker_ = std::make_unique<OtaTracker>(config_, HostPaths{}, "boot", [this] { return now_; });
    agent_ = std::make_unique<OtaAgent>(*tracker_, config_.devices);
  }
  Samples scrape() const {
    Samples samples;
    OtaMetrics(*tracker_, *agent_).write(samples);
    return samples;
  }

  const TemporaryTree tree_;
  OtaConfig config_;
  OtaMoment now_{1'000'000'000, 1'700'000'000'500};
  std::unique_ptr<OtaTracker> tracker_;
  std::unique_ptr<OtaAgent> agent_;
};

TEST_F(OtaMetricsTest, HasEveryResultAndCauseAtZeroFromTheStart) {
  const Samples samples = scrape();
  for (const auto result : kOtaOutcomeNames) {
    const auto name =
        "ota_transactions_total{engine=\"rauc\",result=\"" + std::string(result) + "\"}";
    ASSERT_TRUE(samples.series.contains(name)) << name;
    EXPECT_EQ(samples.series.at(name), 0);
  }
  for (size_t i = 0; i < kOtaCauseCount; ++i) {
    const auto name =
        "ota_failures_total{engine=\"rauc\",cause=\"" + std::string(kOtaCauseNames[i]) + "\"}";
    ASSERT_TRUE(samples.series.contains(name)) << name;
    EXPECT_EQ(samples.series.at(name), 0);
  }
  EXPECT_EQ(samples.series.at("ota_state{engine=\"rauc\",state=\"idle\"}"), 1);
  EXPECT_EQ(samples.series.at("kernel_exporter_ota_ledger_writable{}"), 1);
  EXPECT_FALSE(samples.families.contains("ota_transaction_info"));
  EXPECT_FALSE(samples.families.contains("ota_last_result_info"));
  EXPECT_FALSE(samples.families.contains("ota_progress_ratio"));
}

TEST_F(OtaMetricsTest, TimeInAStateNeverShrinksWhileTheLedgerIsWritten) {
  const OtaMetrics* metrics = nullptr;
  double shown = 0;
  const auto idle_seconds = [&] {
    Samples samples;
    metrics->write(samples);
    return samples.series.at(R"(ota_state_seconds_total{engine="rauc",state="idle"})");
  };
  agent_.reset();
  tracker_.reset();  // its ledger is the next one's
  // The medium takes a second for each record, and somebody scrapes meanwhile.
  tracker_ = std::make_unique<OtaTracker>(
      config_, HostPaths{}, "boot", [this] { return now_; },
      [&](int) {
        now_.boottime_ns += 1'000'000'000;
        if (metrics) shown = idle_seconds();
        return 0;
      });
  agent_ = std::make_unique<OtaAgent>(*tracker_, config_.devices);
  const OtaMetrics own(*tracker_, *agent_);
  metrics = &own;
  OtaBegin begin;
  begin.id = "1";
  begin.engine = "rauc";
  ASSERT_TRUE(tracker_->begin(begin));
  OtaSet set;
  set.states = states_of(OtaState::kApplying);
  ASSERT_TRUE(tracker_->set(set));
  EXPECT_GT(shown, 0);
  EXPECT_GE(idle_seconds(), shown);
  metrics = nullptr;
  tracker_.reset();  // writes the last time
}

TEST_F(OtaMetricsTest, FollowsAnUpdateToItsFailure) {
  ASSERT_NE(agent_
                ->answer(R"({"kind":"begin","id":"x\"1","engine":"rauc","from":"1","to":"2",)"
                         R"("payload_bytes":1000})")
                .find("\"ok\":true"),
            std::string::npos);
  agent_->answer(R"({"kind":"set","state":"applying","progress":40,"downloaded_bytes":400})");
  now_.boottime_ns += 2'500'000'000;
  Samples samples = scrape();
  EXPECT_EQ(samples.series.at(R"(ota_transaction_info{engine="rauc",txid="x\"1",from="1",to="2"})"),
            1);
  EXPECT_EQ(samples.series.at(R"(ota_state{engine="rauc",state="applying"})"), 1);
  EXPECT_EQ(samples.series.at(R"(ota_state{engine="rauc",state="idle"})"), 0);
  EXPECT_EQ(samples.series.at(R"(ota_state_seconds_total{engine="rauc",state="applying"})"), 2.5);
  EXPECT_EQ(samples.series.at(R"(ota_progress_ratio{engine="rauc"})"), 0.4);
  EXPECT_EQ(samples.series.at(R"(ota_payload_bytes{engine="rauc"})"), 1000);
  EXPECT_EQ(samples.series.at(R"(ota_downloaded_bytes_total{engine="rauc"})"), 400);
  EXPECT_EQ(samples.series.at(R"(ota_transaction_start_timestamp_seconds{engine="rauc"})"),
            1'700'000'000.5);

  agent_->answer(R"({"kind":"end","result":"failed","cause":"verify_failed"})");
  agent_->answer("nonsense");
  samples = scrape();
  EXPECT_EQ(samples.series.at(R"(ota_transactions_total{engine="rauc",result="failed"})"), 1);
  EXPECT_EQ(samples.series.at(R"(ota_failures_total{engine="rauc",cause="verify_failed"})"), 1);
  EXPECT_EQ(
      samples.series.at(
          R"(ota_last_result_info{engine="rauc",to="2",result="failed",cause="verify_failed"})"),
      1);
  EXPECT_EQ(samples.series.at(R"(ota_last_duration_seconds{engine="rauc"})"), 2.5);
  EXPECT_EQ(
      samples.series.at(R"(ota_last_failure_info{engine="rauc",cause="verify_failed",device=""})"),
      1);
  EXPECT_EQ(samples.series.at(R"(kernel_exporter_ota_messages_refused_total{reason="malformed"})"),
            1);
  EXPECT_FALSE(samples.families.contains("ota_transaction_info"));
}

}  // namespace
}  // namespace kernel_exporter

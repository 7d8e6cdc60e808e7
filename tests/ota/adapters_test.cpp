// SPDX-License-Identifier: Apache-2.0
#include "ota/adapters.h"

#include <gtest/gtest.h>

#include <map>

#include "../host/temporary_tree.h"
#include "../metrics/recording_sink.h"

namespace kernel_exporter {
namespace {

// Reports what it is told to, as an engine of a folder of its own would.
class Scripted : public EngineAdapter {
 public:
  explicit Scripted(std::optional<AdapterStatus> status) : status_(std::move(status)) {}
  std::optional<AdapterStatus> status() const override { return status_; }

 private:
  const std::optional<AdapterStatus> status_;
};

class OtaAdaptersTest : public testing::Test {
 protected:
  OtaConfig config() const {
    OtaConfig config;
    config.ledger = tree_.path("ota.ledger");
    return config;
  }
  void add(std::optional<AdapterStatus> status) {
    file_.adapters.push_back(
        {{}, [this, status](EngineHost host) -> Result<std::unique_ptr<EngineAdapter>> {
           hosts_.push_back(std::move(host));
           return std::make_unique<Scripted>(status);
         }});
  }
  void start() {
    auto started = OtaAdapters::start(tracker_, file_, tree_.paths());
    ASSERT_TRUE(started);
    adapters_ = std::move(*started);
  }
  // By "family label value".
  std::map<std::string, uint64_t> series() const {
    RecordingSink sink;
    adapters_->write(sink);
    std::map<std::string, uint64_t> series;
    for (const auto& [name, family] : sink.families) {
      for (const RecordedSample& sample : family.samples) {
        const auto& [label, value] = sample.labels.at(0);
        series[name + " " + label + " " + value] = std::get<uint64_t>(sample.value);
      }
    }
    return series;
  }

  const TemporaryTree tree_;
  OtaConfigFile file_;
  OtaTracker tracker_{config(), HostPaths{}, "boot"};
  std::vector<EngineHost> hosts_;
  std::unique_ptr<OtaAdapters> adapters_;
};

TEST_F(OtaAdaptersTest, WritesNothingOfEnginesWithoutAConnection) {
  start();
  EXPECT_TRUE(series().empty());
  add({});
  start();
  EXPECT_TRUE(series().empty());
}

TEST_F(OtaAdaptersTest, WritesTheStatusOfEachConnection) {
  add({{"a", true, {}}});
  add({});
  add({{"b", false, 3}});
  start();
  EXPECT_EQ(series(), (std::map<std::string, uint64_t>{
                          {"kernel_exporter_ota_adapter_connected engine a", 1},
                          {"kernel_exporter_ota_adapter_connected engine b", 0},
                          {"kernel_exporter_ota_adapter_refused_total engine b", 3}}));
}

TEST_F(OtaAdaptersTest, GivesAnEngineItsUpdatesAndTheirTrouble) {
  add({});
  start();
  const EngineHost& host = hosts_.at(0);
  host.listener({"a", EngineStarted{}});
  const auto open = tracker_.open_transactions();
  ASSERT_EQ(open.size(), 1u);
  EXPECT_EQ(open[0]->engine, "a");
  EXPECT_FALSE(host.confirming("a"));
  EXPECT_FALSE(host.troubled("a"));
  OtaEvidence starved;
  starved.cause = OtaCause::kStarved;
  starved.at_ns = tracker_.now().boottime_ns;
  ASSERT_TRUE(tracker_.evidence(starved, open[0]->number));
  EXPECT_FALSE(host.troubled("a")) << "it slows an update down";
  OtaEvidence killed = starved;
  killed.cause = OtaCause::kOomKilled;
  ASSERT_TRUE(tracker_.evidence(killed, open[0]->number));
  EXPECT_TRUE(host.troubled("a"));
  EXPECT_FALSE(host.troubled("b"));
}

TEST_F(OtaAdaptersTest, FailsWithTheAdapterThatCannotStart) {
  file_.adapters.push_back({{}, [](EngineHost) -> Result<std::unique_ptr<EngineAdapter>> {
                              return fail("a: no descriptors");
                            }});
  const auto started = OtaAdapters::start(tracker_, file_, tree_.paths());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, "a: no descriptors");
}

}  // namespace
}  // namespace kernel_exporter

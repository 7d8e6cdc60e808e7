// SPDX-License-Identifier: Apache-2.0
#include "ota/tracker/tracker.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <set>

#include "../../base/logged_lines.h"
#include "../../host/temporary_tree.h"
#include "base/log.h"

namespace kernel_exporter {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// A machine with a clock that the test turns, boots and exporters that start and end.
class OtaTrackerTest : public testing::Test {
 protected:
  OtaTrackerTest() {
    config_.ledger = tree_.path("state/ota.ledger");
    config_.engines = {"custom"};
    start();
  }

  void start() {
    tracker_ = std::make_unique<OtaTracker>(config_, HostPaths{}, boot_, [this] { return now_; });
  }
  void restart() {
    tracker_.reset();
    start();
  }
  // `seconds` after the kernel started, the exporter does. The power may go while it runs.
  void reboot(int64_t seconds, bool clean) {
    if (!clean) std::filesystem::copy(config_.ledger, config_.ledger + ".cut");
    tracker_.reset();
    if (!clean) std::filesystem::rename(config_.ledger + ".cut", config_.ledger);
    boot_ += "'";
    now_.boottime_ns = seconds * kSecond;
    now_.wall_ms += 60'000;
    start();
  }
  void pass(int64_t seconds) {
    now_.boottime_ns += seconds * kSecond;
    now_.wall_ms += seconds * 1000;
  }

  Result<OtaAnswer> begin(const std::string& engine = "custom") {
    OtaBegin request;
    request.id = "2026-11";
    request.engine = engine;
    request.to = "2.0";
    return tracker_->begin(request);
  }
  Result<OtaAnswer> set(std::initializer_list<OtaState> states) {
    OtaSet request;
    for (const OtaState state : states) request.states |= states_of(state);
    return tracker_->set(request);
  }
  Result<OtaAnswer> downloaded(uint64_t bytes) {
    OtaSet request;
    request.downloaded_bytes = bytes;
    return tracker_->set(request);
  }
  Result<OtaAnswer> end(OtaEvent event, OtaCause cause = OtaCause::kNone) {
    OtaEnd request;
    request.event = event;
    request.cause = cause;
    return tracker_->end(request);
  }
  OtaEngine engine() const { return tracker_->book()->engines().at("custom"); }
  OtaTransaction last() const { return *engine().last; }
  uint64_t results(OtaOutcome outcome) const { return engine().totals.outcomes[index_of(outcome)]; }
  uint64_t causes(OtaCause cause) const { return engine().totals.causes[index_of(cause)]; }

  const TemporaryTree tree_;
  OtaConfig config_;
  OtaMoment now_{1000 * kSecond, 1'700'000'000'000};
  std::string boot_ = "boot";
  std::unique_ptr<OtaTracker> tracker_;
};

TEST_F(OtaTrackerTest, SaysWhyAProcessCannotBeFollowed) {
  OtaBegin request;
  request.id = "2026-11";
  request.engine = "custom";
  for (const int64_t id : {int64_t{1} << 31, int64_t{-1}}) {
    request.process.id = id;
    const auto begun = tracker_->begin(request);
    ASSERT_TRUE(begun) << begun.error().message;
    ASSERT_EQ(begun->warnings.size(), 1u);
    EXPECT_EQ(begun->warnings[0],
              "process " + std::to_string(id) + " does not exist: its writes cannot be attributed");
    ASSERT_TRUE(end(OtaEvent::kEndFailed));
  }
}

TEST_F(OtaTrackerTest, SucceedsOnlyAfterBootAndConfirmation) {
  ASSERT_TRUE(begin());
  ASSERT_TRUE(set({OtaState::kApplying}));
  pass(30);
  ASSERT_TRUE(end(OtaEvent::kEndInstalled));
  EXPECT_EQ(results(OtaOutcome::kSucceeded), 0u);
  const auto early = end(OtaEvent::kEndConfirmed);
  ASSERT_FALSE(early);
  EXPECT_NE(early.error().message.find("transaction 1 (2026-11) of custom"), std::string::npos);
  reboot(5, true);
  EXPECT_EQ(engine().open->states, states_of(OtaState::kConfirming));
  pass(7);
  ASSERT_TRUE(end(OtaEvent::kEndConfirmed));
  EXPECT_EQ(results(OtaOutcome::kSucceeded), 1u);
  EXPECT_EQ(causes(OtaCause::kPowerLoss), 0u);
  EXPECT_EQ(last().cause, OtaCause::kNone);
}

TEST_F(OtaTrackerTest, SumsDurationsOverBootsAndPerState) {
  ASSERT_TRUE(begin());
  pass(1);
  ASSERT_TRUE(set({OtaState::kDownloading}));
  pass(10);
  ASSERT_TRUE(set({OtaState::kDownloading, OtaState::kApplying}));
  pass(20);
  ASSERT_TRUE(end(OtaEvent::kEndInstalled));
  pass(3);
  reboot(5, true);
  pass(7);
  ASSERT_TRUE(end(OtaEvent::kEndConfirmed));
  const auto& time = last().state_ns;
  EXPECT_EQ(time, (std::array<int64_t, 6>{1 * kSecond, 30 * kSecond, 0, 20 * kSecond, 3 * kSecond,
                                          12 * kSecond}));
  EXPECT_EQ(last().elapsed_ns, (1 + 10 + 20 + 3 + 5 + 7) * kSecond);
}

TEST_F(OtaTrackerTest, CallsAnUnannouncedRebootPowerLoss) {
  for (const OtaState state :
       {OtaState::kIdle, OtaState::kDownloading, OtaState::kVerifying, OtaState::kApplying}) {
    ASSERT_TRUE(begin());
    ASSERT_TRUE(set({state}));
    reboot(5, false);
    EXPECT_EQ(engine().open, nullptr) << name_of(state);
    EXPECT_EQ(last().outcome, OtaOutcome::kInterrupted);
    EXPECT_EQ(last().cause, OtaCause::kPowerLoss);
  }
  EXPECT_EQ(results(OtaOutcome::kInterrupted), 4u);
  EXPECT_EQ(causes(OtaCause::kPowerLoss), 4u);
  restart();
  EXPECT_EQ(results(OtaOutcome::kInterrupted), 4u);
}

TEST_F(OtaTrackerTest, TakesAnAnnouncedRebootForWhatItIs) {
  ASSERT_TRUE(begin());
  ASSERT_TRUE(set({OtaState::kApplying}));
  ASSERT_TRUE(set({OtaState::kRebooting}));
  reboot(5, false);
  ASSERT_NE(engine().open, nullptr);
  EXPECT_EQ(engine().open->states, states_of(OtaState::kConfirming));
  reboot(5, false);  // the boot loader tries again
  ASSERT_TRUE(end(OtaEvent::kEndRolledBack));
  EXPECT_EQ(results(OtaOutcome::kRolledBack), 1u);
  EXPECT_EQ(last().cause, OtaCause::kNone);
}

TEST_F(OtaTrackerTest, GoesOnAfterARestartInTheSameBoot) {
  ASSERT_TRUE(begin());
  ASSERT_TRUE(set({OtaState::kApplying}));
  pass(10);
  restart();
  pass(10);
  ASSERT_NE(engine().open, nullptr);
  EXPECT_EQ(engine().open->states, states_of(OtaState::kApplying));
  ASSERT_TRUE(end(OtaEvent::kEndFailed));
  EXPECT_EQ(last().elapsed_ns, 20 * kSecond);
  EXPECT_EQ(last().cause, OtaCause::kEngineError);
  const auto book = tracker_->book();
  EXPECT_EQ(book->state_ns(engine(), OtaState::kApplying, now_.boottime_ns), 10 * kSecond);
}

TEST_F(OtaTrackerTest, LogsResultsAsNewsOfTheVehicle) {
  using Lines = std::vector<std::string>;
  LoggedLines logged;
  const auto result = [&](OtaEvent event, const std::string& detail) {
    OtaEnd request;
    request.event = event;
    request.detail = detail;
    EXPECT_TRUE(begin());
    logged.clear();
    EXPECT_TRUE(tracker_->end(request));
    return logged.lines();
  };
  EXPECT_EQ(result(OtaEvent::kEndFailed, ""),
            Lines{"warning: ota transaction=1 id=2026-11 engine=custom result=failed "
                  "cause=engine_error seconds=0.000"});
  EXPECT_EQ(result(OtaEvent::kEndFailed, "bad luck"),
            Lines{"warning: ota transaction=2 id=2026-11 engine=custom result=failed "
                  "cause=engine_error seconds=0.000 bad luck"});
  ASSERT_TRUE(begin());
  logged.clear();
  OtaEvidence killed;
  killed.cause = OtaCause::kOomKilled;
  killed.at_ns = now_.boottime_ns;
  EXPECT_TRUE(tracker_->evidence(killed, 3));
  EXPECT_EQ(logged.lines(),
            Lines{"error: ota transaction=3 engine=custom evidence cause=oom_killed"});
}

TEST_F(OtaTrackerTest, NeverUsesANumberAgainAndRefusesASecondOfAnEngine) {
  EXPECT_EQ(begin()->transaction.number, 1u);
  const auto second = begin();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "transaction 1 (2026-11) of custom is still open in state idle; end it first");
  EXPECT_EQ(begin("other")->transaction.number, 2u);
  const auto unclear = end(OtaEvent::kEndFailed);
  ASSERT_FALSE(unclear);
  EXPECT_EQ(unclear.error().message, "more than one transaction is open, name the engine");
  restart();
  OtaEnd other;
  other.target.engine = "other";
  ASSERT_TRUE(tracker_->end(other));
  restart();
  EXPECT_EQ(begin("other")->transaction.number, 3u);
}

TEST_F(OtaTrackerTest, RefusesStatesThatDoNotGoTogether) {
  ASSERT_TRUE(begin());
  EXPECT_TRUE(set({OtaState::kDownloading, OtaState::kVerifying, OtaState::kApplying}));
  EXPECT_FALSE(set({OtaState::kDownloading, OtaState::kRebooting}));
  EXPECT_FALSE(set({OtaState::kIdle, OtaState::kApplying}));
}

TEST_F(OtaTrackerTest, CountsDownloadedBytesOfThisProcessOnly) {
  ASSERT_TRUE(begin());
  ASSERT_TRUE(downloaded(100));
  ASSERT_TRUE(downloaded(300));
  ASSERT_TRUE(downloaded(50));  // begins anew
  ASSERT_TRUE(downloaded(70));
  EXPECT_EQ(engine().downloaded_bytes, 320u);
  restart();
  ASSERT_TRUE(downloaded(1000));  // what of it came before is not known
  ASSERT_TRUE(downloaded(1010));
  EXPECT_EQ(engine().downloaded_bytes, 10u);
}

TEST_F(OtaTrackerTest, KeepsCountersAndTheLastTransactionsThroughCompaction) {
  config_.keep_transactions = 3;
  config_.ledger_max_bytes = 16 << 10;
  restart();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(begin());
    ASSERT_TRUE(end(OtaEvent::kEndFailed, OtaCause::kVerifyFailed));
  }
  EXPECT_LE(std::filesystem::file_size(config_.ledger), config_.ledger_max_bytes);
  restart();
  EXPECT_EQ(results(OtaOutcome::kFailed), 50u);
  EXPECT_EQ(causes(OtaCause::kVerifyFailed), 50u);
  EXPECT_EQ(tracker_->book()->ended().size(), 3u);
  EXPECT_EQ(last().number, 50u);
  EXPECT_EQ(tracker_->book()->last_failure()->cause, OtaCause::kVerifyFailed);
}

TEST_F(OtaTrackerTest, KeepsTheLastResultOfAnEngineThatOthersOutnumber) {
  config_.keep_transactions = 2;
  restart();
  ASSERT_TRUE(begin("rare"));
  ASSERT_TRUE(end(OtaEvent::kEndFailed));
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(begin());
    ASSERT_TRUE(end(OtaEvent::kEndFailed));
  }
  restart();
  EXPECT_NE(tracker_->book()->engines().at("rare").last, nullptr);
}

TEST_F(OtaTrackerTest, DecidesByEvidenceOfItsOwnTime) {
  OtaEvidence evidence;
  evidence.cause = OtaCause::kIoError;
  evidence.device = "sda2";
  evidence.offset = 4096;
  evidence.status = "EIO";
  evidence.at_ns = now_.boottime_ns;
  EXPECT_FALSE(tracker_->evidence(evidence, 1));  // nothing is open
  pass(1);
  ASSERT_TRUE(begin());
  EXPECT_FALSE(tracker_->evidence(evidence, 1));  // before its begin
  pass(1);
  evidence.at_ns = now_.boottime_ns;
  EXPECT_FALSE(tracker_->evidence(evidence));  // no device of an open one
  EXPECT_TRUE(tracker_->evidence(evidence, 1));
  EXPECT_TRUE(tracker_->evidence(evidence, 1));
  restart();
  ASSERT_TRUE(end(OtaEvent::kEndFailed, OtaCause::kVerifyFailed));
  EXPECT_EQ(last().cause, OtaCause::kIoError);
  EXPECT_EQ(last().cause_device, "sda2");
  EXPECT_EQ(last().cause_offset, 4096u);
  ASSERT_EQ(last().evidence.size(), 1u);
  EXPECT_EQ(last().evidence.front().at_ns, kSecond);
}

TEST_F(OtaTrackerTest, ShowsEvidenceAtOnceAndStaysCleanWhenTheUpdateSucceeds) {
  ASSERT_TRUE(begin());
  pass(2);
  OtaEvidence evidence;
  evidence.cause = OtaCause::kMediaError;
  evidence.device = "sda2";
  evidence.at_ns = now_.boottime_ns - kSecond / 4;
  ASSERT_TRUE(tracker_->evidence(evidence, 1));
  EXPECT_EQ(tracker_->book()->last_failure()->detection_seconds, 0.25);
  ASSERT_TRUE(end(OtaEvent::kEndInstalled));
  reboot(5, true);
  ASSERT_TRUE(end(OtaEvent::kEndConfirmed));
  EXPECT_EQ(last().cause, OtaCause::kNone);
  EXPECT_EQ(causes(OtaCause::kMediaError), 0u);
}

TEST_F(OtaTrackerTest, ShowsTheStrongestFailureOfAnUpdateAndThenTheNextUpdates) {
  const auto see = [this](OtaCause cause, uint64_t transaction) {
    pass(1);
    OtaEvidence evidence;
    evidence.cause = cause;
    evidence.device = "sda2";
    evidence.at_ns = now_.boottime_ns;
    EXPECT_TRUE(tracker_->evidence(evidence, transaction));
    return *tracker_->book()->last_failure();
  };
  ASSERT_TRUE(begin());
  EXPECT_EQ(see(OtaCause::kIoError, 1).cause, OtaCause::kIoError);
  const OtaFailure medium = see(OtaCause::kMediaError, 1);
  EXPECT_EQ(medium.cause, OtaCause::kMediaError);
  EXPECT_EQ(see(OtaCause::kTimeout, 1).cause, OtaCause::kMediaError);
  ASSERT_TRUE(end(OtaEvent::kEndFailed));
  EXPECT_EQ(tracker_->book()->last_failure()->at_ms, medium.at_ms);
  ASSERT_TRUE(begin());
  EXPECT_EQ(see(OtaCause::kTimeout, 2).cause, OtaCause::kTimeout);
}

TEST_F(OtaTrackerTest, HasRecordedAFailureOnceTheMediumHasIt) {
  tracker_.reset();
  tracker_ = std::make_unique<OtaTracker>(
      config_, HostPaths{}, boot_, [this] { return now_; },
      [this](int) {
        pass(3);
        return 0;
      });
  ASSERT_TRUE(begin());
  OtaEvidence evidence;
  evidence.cause = OtaCause::kIoError;
  evidence.at_ns = now_.boottime_ns;
  const int64_t happened_ms = now_.wall_ms;
  ASSERT_TRUE(tracker_->evidence(evidence, 1));
  EXPECT_EQ(tracker_->book()->last_failure()->detection_seconds, 3);
  EXPECT_EQ(tracker_->book()->last_failure()->at_ms, happened_ms + 3000);
}

TEST_F(OtaTrackerTest, BoundsEvidence) {
  ASSERT_TRUE(begin());
  OtaEvidence evidence;
  evidence.cause = OtaCause::kIoError;
  evidence.at_ns = now_.boottime_ns;
  for (int i = 0; i < 40; ++i) {
    evidence.device = "sd" + std::to_string(i);
    EXPECT_EQ(tracker_->evidence(evidence, 1), i < 16) << i;
  }
}

TEST_F(OtaTrackerTest, FindsStalledDownloadsAndLateTransactions) {
  config_.stall_ns = 60 * kSecond;
  config_.timeout_ns = 600 * kSecond;
  restart();
  ASSERT_TRUE(begin());
  ASSERT_TRUE(set({OtaState::kDownloading}));
  pass(60);
  tracker_->tick();
  EXPECT_TRUE(engine().open->evidence.empty());
  ASSERT_TRUE(downloaded(1));
  pass(61);
  tracker_->tick();
  tracker_->tick();
  ASSERT_EQ(engine().open->evidence.size(), 1u);
  EXPECT_EQ(engine().open->evidence[0].cause, OtaCause::kNetworkStall);
  EXPECT_EQ(engine().open->evidence[0].count, 1u);
  ASSERT_TRUE(set({OtaState::kApplying}));
  pass(600);
  tracker_->tick();
  ASSERT_EQ(engine().open->evidence.size(), 2u);
  EXPECT_EQ(engine().open->evidence[1].cause, OtaCause::kTimeout);
}

TEST_F(OtaTrackerTest, TakesBytesThatArriveForProgressAndAKillForWhatFollowedAStall) {
  config_.stall_ns = 60 * kSecond;
  restart();
  const auto kill = [this](uint64_t transaction) {
    OtaEvidence killed;
    killed.cause = OtaCause::kSignalKilled;
    killed.sent = true;
    killed.at_ns = now_.boottime_ns;
    ASSERT_TRUE(tracker_->evidence(killed, transaction));
  };
  ASSERT_TRUE(begin());
  ASSERT_TRUE(set({OtaState::kDownloading}));
  for (int i = 0; i < 10; ++i) {
    pass(50);
    tracker_->over(OtaCause::kNetworkStall, 1);
    tracker_->tick();
  }
  EXPECT_TRUE(engine().open->evidence.empty());
  pass(61);
  tracker_->tick();
  ASSERT_EQ(engine().open->evidence.size(), 1u);
  EXPECT_EQ(engine().open->evidence[0].since_ns(), 500 * kSecond);
  pass(9);
  kill(1);
  EXPECT_EQ(tracker_->book()->last_failure()->cause, OtaCause::kNetworkStall);
  ASSERT_TRUE(end(OtaEvent::kEndFailed));
  EXPECT_EQ(last().cause, OtaCause::kNetworkStall);
  restart();  // the ledger keeps what decides
  const OtaTransaction kept = last();
  ASSERT_EQ(kept.evidence.size(), 2u);
  EXPECT_TRUE(kept.evidence[1].sent);
  EXPECT_EQ(decide_cause(kept.evidence, {0, kept.elapsed_ns}).cause, OtaCause::kNetworkStall);
  // The control: it got on again before it was killed.
  ASSERT_TRUE(begin());
  ASSERT_TRUE(set({OtaState::kDownloading}));
  pass(61);
  tracker_->tick();
  pass(1);
  ASSERT_TRUE(downloaded(1));
  EXPECT_EQ(engine().open->evidence[0].ended_ns, 62 * kSecond);
  kill(2);
  ASSERT_TRUE(end(OtaEvent::kEndFailed));
  EXPECT_EQ(last().cause, OtaCause::kSignalKilled);
  EXPECT_EQ(causes(OtaCause::kNetworkStall), 1u);
}

TEST_F(OtaTrackerTest, GivesErrorsOfADeviceToWhoWorksOnIt) {
  const auto begin_on = [this](const std::string& engine) {
    OtaBegin request;
    request.id = engine;
    request.engine = engine;
    request.devices.emplace_back();
    request.devices.back().path = "/dev/absent";
    request.devices.back().name = "sda2";
    return tracker_->begin(request);
  };
  ASSERT_TRUE(begin_on("first"));
  OtaEnd installed;
  installed.target.engine = "first";
  installed.event = OtaEvent::kEndInstalled;
  ASSERT_TRUE(tracker_->end(installed));
  OtaEvidence evidence;
  evidence.cause = OtaCause::kIoError;
  evidence.device = "sda2";
  evidence.at_ns = now_.boottime_ns;
  EXPECT_TRUE(tracker_->evidence(evidence));  // the control: its own writeback
  ASSERT_TRUE(begin_on("second"));
  EXPECT_TRUE(tracker_->evidence(evidence));
  EXPECT_EQ(tracker_->book()->find_open({"first", ""}).value()->evidence.front().count, 1u);
  EXPECT_EQ(tracker_->book()->find_open({"second", ""}).value()->evidence.size(), 1u);
}

TEST_F(OtaTrackerTest, NeverCountsDownloadedBytesBackwards) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  ASSERT_TRUE(begin());
  ASSERT_TRUE(downloaded(kMost));
  ASSERT_TRUE(downloaded(0));
  ASSERT_TRUE(downloaded(1000));
  EXPECT_EQ(engine().downloaded_bytes, kMost);
}

TEST_F(OtaTrackerTest, DoesNotBlameAnInstalledUpdateForWhatHappensToItsProcesses) {
  ASSERT_TRUE(begin());
  OtaEvidence evidence;
  evidence.cause = OtaCause::kSignalKilled;
  evidence.sent = true;
  evidence.at_ns = now_.boottime_ns;
  ASSERT_TRUE(end(OtaEvent::kEndInstalled));
  EXPECT_FALSE(tracker_->evidence(evidence, 1));  // the machine goes down
  evidence.cause = OtaCause::kIoError;            // what it wrote goes to the medium still
  EXPECT_TRUE(tracker_->evidence(evidence, 1));
}

TEST_F(OtaTrackerTest, GoesOnWithoutADiskAndCatchesUpWhenItReturns) {
  tracker_.reset();
  tree_.remove("state");
  tree_.file("state", "a file where a folder should be");
  start();
  EXPECT_FALSE(tracker_->ledger_status().writable);
  const auto begun = begin();
  ASSERT_TRUE(begun);
  ASSERT_EQ(begun->warnings.size(), 1u);
  ASSERT_TRUE(end(OtaEvent::kEndFailed));
  EXPECT_EQ(results(OtaOutcome::kFailed), 1u);
  tree_.remove("state");
  tracker_->tick();
  EXPECT_FALSE(tracker_->ledger_status().writable);  // not at every tick
  pass(11);
  tracker_->tick();
  EXPECT_TRUE(tracker_->ledger_status().writable);
  restart();
  EXPECT_EQ(results(OtaOutcome::kFailed), 1u);
}

TEST_F(OtaTrackerTest, WritesWhatItHasWhenItIsStoppedBeforeItsNextTry) {
  tracker_.reset();
  tree_.remove("state");
  tree_.file("state", "a file where a folder should be");
  start();
  ASSERT_TRUE(begin());
  ASSERT_TRUE(end(OtaEvent::kEndFailed));
  ASSERT_TRUE(begin());
  pass(10);
  tree_.remove("state");
  restart();
  EXPECT_EQ(results(OtaOutcome::kFailed), 1u);
  ASSERT_NE(engine().open, nullptr);
  EXPECT_EQ(engine().open->elapsed_ns, 10 * kSecond);
}

class Recorder : public OtaListener {
 public:
  explicit Recorder(OtaTracker& tracker) : tracker_(tracker) {}
  void begun(const OtaTransaction& transaction) override { note("begun", transaction); }
  // What was on its way to user space when the engine gave up.
  void ending(const OtaTransaction& transaction) override {
    note("ending", transaction);
    OtaEvidence evidence;
    evidence.cause = OtaCause::kNoSpace;
    evidence.at_ns = tracker_.now().boottime_ns;
    tracker_.evidence(evidence, transaction.number);
  }
  void ended(const OtaTransaction& transaction) override { note("ended", transaction); }

  std::string calls;

 private:
  void note(const char* call, const OtaTransaction& transaction) {
    calls += call + std::to_string(transaction.number) + " ";
  }
  OtaTracker& tracker_;
};

TEST_F(OtaTrackerTest, TellsAnAskedForRebootFromALossOfPower) {
  ASSERT_TRUE(begin());
  ASSERT_TRUE(set({OtaState::kApplying}));
  tracker_->reboot_asked("restart by init (1)");
  reboot(5, false);
  EXPECT_EQ(last().outcome, OtaOutcome::kInterrupted);
  EXPECT_EQ(last().cause, OtaCause::kNone);
  EXPECT_EQ(last().detail, "rebooted in state applying: restart by init (1)");
  // One that came to nothing: the agent went on.
  ASSERT_TRUE(begin());
  tracker_->reboot_asked("kexec by kexec (77)");
  ASSERT_TRUE(set({OtaState::kApplying}));
  reboot(5, false);
  EXPECT_EQ(last().cause, OtaCause::kPowerLoss);
  // What was announced as well goes on.
  ASSERT_TRUE(begin());
  ASSERT_TRUE(end(OtaEvent::kEndInstalled));
  tracker_->reboot_asked("restart by init (1)");
  reboot(5, false);
  ASSERT_TRUE(end(OtaEvent::kEndConfirmed));
  EXPECT_EQ(last().outcome, OtaOutcome::kSucceeded);
}

TEST_F(OtaTrackerTest, TellsItsListenerInTimeForTheCause) {
  ASSERT_TRUE(begin());
  restart();
  Recorder recorder(*tracker_);
  tracker_->set_listener(&recorder);
  ASSERT_TRUE(set({OtaState::kApplying}));
  ASSERT_TRUE(end(OtaEvent::kEndFailed, OtaCause::kVerifyFailed));
  ASSERT_TRUE(begin());
  EXPECT_EQ(recorder.calls, "begun1 ending1 ended1 begun2 ");
  EXPECT_EQ(last().cause, OtaCause::kNoSpace);
  tracker_->set_listener(nullptr);
  ASSERT_TRUE(end(OtaEvent::kEndFailed));
  EXPECT_EQ(recorder.calls, "begun1 ending1 ended1 begun2 ");
}

TEST_F(OtaTrackerTest, InventedEnginesBlockNoOther) {
  const auto names = [&] {
    std::set<std::string> known;
    for (const auto& [name, engine] : tracker_->book()->engines()) known.insert(name);
    return known;
  };
  for (int i = 0; i < 15; ++i) {
    ASSERT_TRUE(begin("invented" + std::to_string(i)));
    ASSERT_TRUE(end(OtaEvent::kEndFailed));
  }
  EXPECT_EQ(tracker_->book()->forgotten_engines(), 0U);
  EXPECT_EQ(names().size(), 16U);
  // Used again, it is not the next to leave.
  ASSERT_TRUE(begin("invented0"));
  ASSERT_TRUE(end(OtaEvent::kEndFailed));
  ASSERT_TRUE(begin("rauc"));
  EXPECT_EQ(tracker_->book()->forgotten_engines(), 1U);
  EXPECT_EQ(names().size(), 16U);
  for (const char* name : {"custom", "rauc", "invented0"})
    EXPECT_TRUE(names().contains(name)) << name;
  EXPECT_FALSE(names().contains("invented1"));
  EXPECT_EQ(
      tracker_->book()->engines().at("invented0").totals.outcomes[index_of(OtaOutcome::kFailed)],
      2U);
  // One with an open update stays, and so it is after a restart.
  for (int i = 100; i < 200; ++i) {
    ASSERT_TRUE(begin("invented" + std::to_string(i)));
    OtaEnd request;
    request.target.engine = "invented" + std::to_string(i);
    request.event = OtaEvent::kEndFailed;
    ASSERT_TRUE(tracker_->end(request));
  }
  restart();
  EXPECT_EQ(names().size(), 16U);
  EXPECT_TRUE(names().contains("rauc"));
  EXPECT_TRUE(names().contains("custom"));
  EXPECT_TRUE(names().contains("invented199"));
  EXPECT_TRUE(begin("custom"));
}

TEST_F(OtaTrackerTest, OpenUpdatesOfInventedEnginesLeaveThePlaceOfThoseConfigured) {
  for (int i = 0; i < 15; ++i) ASSERT_TRUE(begin("invented" + std::to_string(i)));
  const auto refused = begin("rauc");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("name this one in `engines`"), std::string::npos);
  EXPECT_TRUE(begin("custom"));
  EXPECT_EQ(tracker_->book()->forgotten_engines(), 0U);
}

}  // namespace
}  // namespace kernel_exporter

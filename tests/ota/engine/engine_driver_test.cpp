// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/engine_driver.h"

#include <gtest/gtest.h>

#include "../../host/temporary_tree.h"

namespace kernel_exporter {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// There are no such devices: what is compared is their paths.
class EngineDriverTest : public testing::Test {
 protected:
  EngineDriverTest() {
    config_.ledger = tree_.path("state/ota.ledger");
    config_.devices = {{"/dev/env", OtaRole::kBootenv}, {"/dev/a", OtaRole::kSlot}};
    tree_.file("proc/7/cgroup", "1:cpu:/\n0::/system.slice/rauc.service\n");
    tree_.file("proc/8/cgroup", "0::/\n");
    tree_.file("proc/9/cgroup", "0::/../other\n");
    tree_.file("proc/8/stat", "8 (rauc) S 1 8 8 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0\n");
    tree_.link("proc/self/ns/pid", "pid:[4026531836]");
    start();
  }

  void start() {
    tracker_ = std::make_unique<OtaTracker>(config_, tree_.paths(), boot_, [this] { return now_; });
    driver_ = std::make_unique<EngineDriver>(*tracker_, config_, tree_.paths());
  }
  void restart() {
    driver_.reset();
    tracker_.reset();
    start();
  }
  void reboot() {
    boot_ += "'";
    now_.boottime_ns = kSecond;
    restart();
  }

  static EngineStarted started() {
    EngineStarted started;
    started.devices = {"/dev/b"};
    started.from = "1.0";
    started.pid = 7;
    return started;
  }
  static EngineWorked states(std::vector<OtaState> states) {
    EngineWorked worked;
    worked.states = std::move(states);
    return worked;
  }
  static EngineBooted booted(const std::string& device, const std::string& standby,
                             const std::string& version, bool confirmed) {
    return {{device}, {standby}, version, confirmed};
  }
  void handle(auto what, const std::string& engine = "rauc") {
    driver_->handle({engine, std::move(what)});
  }
  void install(const std::string& version = "2.0") {
    handle(started());
    handle(states({OtaState::kApplying}));
    handle(EngineInstalled{version, ""});
  }
  OtaTransactionPtr open() const {
    const auto found = tracker_->book()->find_open({"rauc", ""});
    return found ? *found : nullptr;
  }
  OtaTransaction last() const { return *tracker_->book()->engines().at("rauc").last; }
  std::string state() const { return open() ? names_of(open()->states) : "none"; }

  const TemporaryTree tree_;
  OtaConfig config_;
  OtaMoment now_{1000 * kSecond, 1'700'000'000'000};
  std::string boot_ = "boot";
  std::unique_ptr<OtaTracker> tracker_;
  std::unique_ptr<EngineDriver> driver_;
};

TEST_F(EngineDriverTest, BeginsATransactionWithWhatTheEngineAndTheConfigurationKnow) {
  EngineStarted start = started();
  start.work.payload_bytes = 1000;
  handle(start);
  ASSERT_NE(open(), nullptr);
  EXPECT_EQ(open()->id, "rauc-20231114T221320Z");
  EXPECT_EQ(open()->from, "1.0");
  EXPECT_EQ(open()->payload_bytes, 1000u);
  EXPECT_EQ(open()->cgroup, "/system.slice/rauc.service");
  ASSERT_EQ(open()->devices.size(), 2u);
  EXPECT_EQ(open()->devices[0].path, "/dev/b");
  EXPECT_EQ(open()->devices[0].role, OtaRole::kSlot);
  EXPECT_EQ(open()->devices[1].path, "/dev/env");
  EXPECT_EQ(open()->devices[1].role, OtaRole::kBootenv);
}

TEST_F(EngineDriverTest, TakesTheDevicesOfTheConfigurationWhenTheEngineNamesNone) {
  EngineStarted start = started();
  start.devices.clear();
  handle(start);
  ASSERT_EQ(open()->devices.size(), 2u);
  EXPECT_EQ(open()->devices[0].path, "/dev/a");
}

TEST_F(EngineDriverTest, NeverBindsTheRootCgroup) {
  for (const pid_t pid : {0, 8, 9, 999}) {
    EngineStarted start = started();
    start.pid = pid;
    handle(start);
    EXPECT_EQ(open()->cgroup, "") << pid;
    handle(EngineGone{});
  }
}

TEST_F(EngineDriverTest, BindsTheProcessOfAServiceInTheRootCgroup) {
  EngineStarted start = started();
  handle(start);
  EXPECT_EQ(open()->process, OtaProcess{});
  handle(EngineGone{});
  start.pid = 999;  // no such process
  handle(start);
  EXPECT_EQ(open()->process, OtaProcess{});
  handle(EngineGone{});
  start.pid = 8;
  handle(start);
  EXPECT_EQ(open()->process, (OtaProcess{8, 4711}));
  restart();
  EXPECT_EQ(open()->process, (OtaProcess{8, 4711}));
}

TEST_F(EngineDriverTest, FollowsStatesAndProgressToTheReboot) {
  EngineStarted start = started();
  start.work.states = {OtaState::kVerifying};
  handle(start);
  EXPECT_EQ(state(), "verifying");
  handle(states({OtaState::kDownloading, OtaState::kApplying}));
  EXPECT_EQ(state(), "downloading+applying");
  EngineWorked progress;
  progress.progress = 0.5;
  progress.downloaded_bytes = 77;
  handle(progress);
  EXPECT_EQ(open()->progress, 0.5);
  EXPECT_EQ(open()->downloaded_bytes, 77u);
  EXPECT_EQ(state(), "downloading+applying");
  handle(EngineInstalled{"2.0", ""});
  EXPECT_EQ(state(), "rebooting");
  EXPECT_EQ(open()->to, "2.0");
  EXPECT_EQ(open()->progress, 1);
  handle(EngineGone{});  // the engine ends: the update waits for the boot all the same
  handle(booted("/dev/b", "/dev/a", "2.0", true));
  EXPECT_EQ(state(), "rebooting");
}

TEST_F(EngineDriverTest, AdoptsWhatAnAgentBegan) {
  OtaBegin begin;
  begin.id = "2026-11";
  begin.engine = "rauc";
  begin.to = "2.0-rc";
  ASSERT_TRUE(tracker_->begin(begin));
  handle(EngineFailed{});  // of an installation before
  EXPECT_EQ(state(), "idle");
  install("2.0");
  EXPECT_EQ(open()->id, "2026-11");
  EXPECT_EQ(open()->to, "2.0-rc");
  EXPECT_EQ(open()->number, 1u);
}

TEST_F(EngineDriverTest, EndsWithTheEnginesWordsOnOneLine) {
  handle(started());
  handle(
      EngineFailed{OtaCause::kVerifyFailed, "signature\nof \x01 nobody" + std::string(1000, 'x')});
  EXPECT_EQ(state(), "none");
  EXPECT_EQ(last().cause, OtaCause::kVerifyFailed);
  EXPECT_EQ(last().detail.find("signature of   nobodyx"), 0u);
  EXPECT_EQ(last().detail.size(), 512u);
}

TEST_F(EngineDriverTest, WhatTheKernelSawOutranksAnEngineThatIsGone) {
  handle(started());
  OtaEvidence killed;
  killed.cause = OtaCause::kOomKilled;
  killed.at_ns = now_.boottime_ns;
  ASSERT_TRUE(tracker_->evidence(killed, open()->number));
  handle(EngineGone{});
  EXPECT_EQ(last().outcome, OtaOutcome::kFailed);
  EXPECT_EQ(last().cause, OtaCause::kOomKilled);
  handle(started());
  handle(EngineGone{});
  EXPECT_EQ(last().cause, OtaCause::kEngineError);
}

TEST_F(EngineDriverTest, ConfirmsOrRollsBackAfterABootOnly) {
  struct Row {
    EngineBooted booted;
    const char* after;
  };
  const Row rows[] = {
      {booted("/dev/b", "/dev/a", "2.0", true), "succeeded"},
      {booted("/dev/b", "/dev/a", "2.0", false), "confirming"},
      {booted("/dev/a", "/dev/b", "1.0", true), "rolled_back"},
      {booted("/dev/a", "/dev/b", "1.0", false), "rolled_back"},
      // No device of the transaction is a slot: the version decides, or nothing does.
      {booted("/dev/x", "/dev/y", "2.0", true), "succeeded"},
      {booted("/dev/x", "/dev/y", "1.0", true), "rolled_back"},
      {booted("/dev/x", "/dev/y", "", true), "confirming"},
  };
  for (const Row& row : rows) {
    install();
    EXPECT_FALSE(driver_->confirming("rauc"));
    handle(row.booted);
    EXPECT_EQ(state(), "rebooting");
    reboot();
    EXPECT_TRUE(driver_->confirming("rauc"));
    EXPECT_FALSE(driver_->confirming("other"));
    handle(row.booted);
    EXPECT_EQ(open() ? state() : std::string(name_of(*last().outcome)), row.after);
    if (open()) handle(booted("/dev/a", "/dev/b", "1.0", true));
  }
}

TEST_F(EngineDriverTest, BothSlotsAsTargetsLeaveItToTheVersion) {
  OtaBegin begin;
  begin.id = "a";
  begin.engine = "rauc";
  begin.devices.resize(2);
  begin.devices[0].path = "/dev/a";
  begin.devices[1].path = "/dev/b";
  ASSERT_TRUE(tracker_->begin(begin));
  install("2.0");
  reboot();
  handle(booted("/dev/b", "/dev/a", "", true));
  EXPECT_EQ(state(), "confirming");
  handle(booted("/dev/b", "/dev/a", "1.0", true));
  EXPECT_EQ(last().outcome, OtaOutcome::kRolledBack);
  EXPECT_EQ(last().detail, "version 1.0 was booted instead");
}

TEST_F(EngineDriverTest, AnotherInstallationEndsTheOneThatWaitsForItsBoot) {
  install("2.0");
  handle(started());
  EXPECT_EQ(open()->number, 2u);
  EXPECT_EQ(last().outcome, OtaOutcome::kFailed);
  EXPECT_EQ(last().detail, "another installation began before this one was confirmed");
}

TEST_F(EngineDriverTest, KnowsOfInstallationsThatOutliveTheExporter) {
  handle(started());
  handle(states({OtaState::kApplying}));
  restart();
  handle(started());  // still under way
  EXPECT_EQ(open()->number, 1u);
  restart();
  handle(EngineInstalled{});  // ended meanwhile
  EXPECT_EQ(state(), "rebooting");
  restart();
  handle(EngineGone{});
  EXPECT_EQ(state(), "rebooting");
}

TEST_F(EngineDriverTest, LeavesAloneWhatAnAgentPreparesWhileTheEngineIsIdle) {
  OtaBegin begin;
  begin.id = "a";
  begin.engine = "rauc";
  ASSERT_TRUE(tracker_->begin(begin));
  for (const OtaState prepares : {OtaState::kIdle, OtaState::kDownloading}) {
    OtaSet set;
    set.states = states_of(prepares);
    ASSERT_TRUE(tracker_->set(set));
    restart();
    handle(EngineGone{});
    EXPECT_EQ(state(), name_of(prepares));
  }
}

TEST_F(EngineDriverTest, InstalledIsSucceededWhereNoBootIsToCome) {
  EngineStarted start = started();
  start.needs_reboot = false;
  handle(start);
  restart();
  handle(start);
  handle(EngineInstalled{});
  EXPECT_EQ(state(), "none");
  EXPECT_EQ(last().outcome, OtaOutcome::kSucceeded);
}

TEST_F(EngineDriverTest, EnginesDoNotMixUp) {
  handle(started());
  handle(started(), "swupdate");
  handle(states({OtaState::kApplying}));
  handle(EngineGone{});
  EXPECT_EQ(state(), "none");
  const auto still_open = tracker_->book()->find_open({"swupdate", ""});
  ASSERT_TRUE(still_open);
  EXPECT_EQ(names_of((*still_open)->states), "idle");
}

}  // namespace
}  // namespace kernel_exporter

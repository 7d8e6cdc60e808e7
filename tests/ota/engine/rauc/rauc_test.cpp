// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/rauc/rauc.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <chrono>

#include "../../../host/temporary_tree.h"
#include "../engine_events.h"
#include "fake_rauc.h"

namespace kernel_exporter {
namespace {

using Clock = std::chrono::steady_clock;

class RaucTest : public testing::Test {
 protected:
  RaucTest() { bus_.start(); }

  void start_adapter() {
    auto started = start_rauc_adapter(
        {bus_.address()},
        {events_.listener(), [this](const std::string&) { return confirming_.load(); },
         [](const std::string&) { return false; }, tree_.paths()});
    ASSERT_TRUE(started);
    adapter_ = std::move(*started);
  }
  void start_service() {
    rauc_ = std::make_unique<FakeRauc>(bus_.address());
    rauc_->slots = {{"rootfs.0", "/dev/a", "booted", "good", "1.0", ""},
                    {"rootfs.1", "/dev/b", "inactive", "bad", "", ""}};
    rauc_->primary = "rootfs.0";
  }

  // Serves until the adapter has reported such an event; takes it and all before it.
  template <typename What>
  What wait_for() {
    std::optional<What> found;
    EXPECT_TRUE(serve_until([&] { return (found = events_.take<What>()).has_value(); }));
    return found.value_or(What());
  }
  bool serve_until(const std::function<bool()>& condition) {
    const auto deadline = Clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (Clock::now() > deadline) return false;
      rauc_->serve(10);
    }
    return true;
  }
  // The adapter has asked for the slots and so knows of the service.
  void wait_until_known() {
    rauc_->appear();
    EXPECT_EQ(wait_for<EngineBooted>().devices, std::vector<std::string>{"/dev/a"});
    wait_for<EngineGone>();  // what an idle service says of an installation that nobody saw end
  }

  const TemporaryTree tree_;
  PrivateBus bus_;
  std::unique_ptr<FakeRauc> rauc_;
  std::atomic<bool> confirming_ = false;
  EngineEvents events_;
  std::unique_ptr<EngineAdapter> adapter_;
};

TEST_F(RaucTest, FollowsAnInstallationOfAServiceThatComesLater) {
  start_adapter();
  start_service();
  EXPECT_FALSE(adapter_->status()->connected);
  wait_until_known();
  EXPECT_TRUE(adapter_->status()->connected);
  rauc_->set_operation("installing");
  const EngineStarted started = wait_for<EngineStarted>();
  EXPECT_EQ(started.devices, std::vector<std::string>{"/dev/b"});
  EXPECT_EQ(started.from, "1.0");
  EXPECT_EQ(started.pid, ::getpid());
  EXPECT_EQ(started.work.states, std::vector<OtaState>{OtaState::kVerifying});
  rauc_->set_progress(80, "Updating slots");
  const EngineWorked worked = wait_for<EngineWorked>();
  EXPECT_EQ(worked.states, std::vector<OtaState>{OtaState::kApplying});
  EXPECT_EQ(worked.progress, 0.8);
  rauc_->slots[1].version = "2.0";
  rauc_->complete(0);
  rauc_->set_operation("idle");
  EXPECT_EQ(wait_for<EngineInstalled>().version, "2.0");
}

// The answers to what the adapter asked of an idle service are still on their way.
TEST_F(RaucTest, EndsNoInstallationThatBeginsWhileItAsks) {
  start_service();
  rauc_->before_primary = [this] {
    rauc_->set_operation("installing");
    rauc_->set_progress(40, "Checking bundle done.");
    rauc_->before_primary = nullptr;
  };
  start_adapter();
  rauc_->appear();
  EXPECT_EQ(wait_for<EngineWorked>().progress, 0.4);
  rauc_->set_progress(60, "Checking manifest contents done.");
  EXPECT_EQ(wait_for<EngineWorked>().progress, 0.6);
  EXPECT_EQ(events_.count<EngineGone>(), 0u);
}

TEST_F(RaucTest, ReadsTheVersionOfTheBundleThatTheServiceHasMounted) {
  start_service();
  start_adapter();
  wait_until_known();
  const std::string process = "proc/" + std::to_string(::getpid());
  tree_.file(process + "/mountinfo", "72 22 7:4 / /mnt/rauc/bundle ro - squashfs /dev/loop4 ro\n");
  rauc_->set_operation("installing");
  rauc_->set_progress(40, "Checking bundle done.");
  EXPECT_EQ(wait_for<EngineWorked>().version, "");
  tree_.file(process + "/root/mnt/rauc/bundle/manifest.raucm", "[update]\nversion=2.0\n");
  rauc_->set_progress(60, "Checking manifest contents done.");
  EXPECT_EQ(wait_for<EngineWorked>().version, "2.0");
}

TEST_F(RaucTest, SaysWhyAnInstallationFailed) {
  start_service();
  start_adapter();
  wait_until_known();
  rauc_->set_operation("installing");
  rauc_->set_last_error("");
  rauc_->set_last_error("signature verification failed: no");
  rauc_->complete(1);
  const EngineFailed failed = wait_for<EngineFailed>();
  EXPECT_EQ(failed.cause, OtaCause::kVerifyFailed);
  EXPECT_EQ(failed.detail, "signature verification failed: no");
}

TEST_F(RaucTest, JoinsAnInstallationThatIsUnderWay) {
  start_service();
  rauc_->operation = "installing";
  rauc_->percentage = 90;
  rauc_->message = "Copying image to rootfs.1";
  rauc_->appear();
  start_adapter();
  EXPECT_EQ(wait_for<EngineStarted>().devices, std::vector<std::string>{"/dev/b"});
  const EngineWorked worked = wait_for<EngineWorked>();
  EXPECT_EQ(worked.states, std::vector<OtaState>{OtaState::kApplying});
  EXPECT_EQ(worked.progress, 0.9);
}

TEST_F(RaucTest, KnowsWhatBecameOfAnInstallationThatNobodySawEnd) {
  start_service();
  rauc_->primary = "rootfs.1";
  rauc_->slots[1].version = "2.0";
  rauc_->appear();
  start_adapter();
  EXPECT_EQ(wait_for<EngineInstalled>().version, "2.0");
}

TEST_F(RaucTest, SaysThatTheServiceIsGoneAndFollowsTheNext) {
  start_service();
  start_adapter();
  wait_until_known();
  rauc_->set_operation("installing");
  wait_for<EngineStarted>();
  rauc_.reset();
  start_service();
  EXPECT_EQ(wait_for<EngineGone>().detail, "the RAUC service ended during the installation");
  EXPECT_FALSE(adapter_->status()->connected);
  wait_until_known();
  rauc_->set_operation("installing");
  wait_for<EngineStarted>();
}

TEST_F(RaucTest, OutlivesABusThatIsNotThere) {
  bus_.stop();
  start_adapter();
  bus_.start();
  start_service();
  wait_until_known();
  rauc_->set_operation("installing");
  wait_for<EngineStarted>();
  rauc_.reset();
  bus_.stop();
  bus_.start();
  start_service();
  rauc_->last_error = "No space left on device";
  rauc_->appear();
  EXPECT_EQ(wait_for<EngineFailed>().cause, OtaCause::kNoSpace);
}

TEST_F(RaucTest, IsNotHeldUpByAServiceThatHangs) {
  start_service();
  rauc_->appear();
  start_adapter();
  rauc_->set_operation("installing");  // but no question is answered
  std::optional<EngineStarted> started;
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while (!(started = events_.take<EngineStarted>()) && Clock::now() < deadline) {
    // Signals are all that comes; a late adapter needs another one.
    rauc_->set_operation("installing");
    ::poll(nullptr, 0, 10);
  }
  ASSERT_TRUE(started);
  EXPECT_TRUE(started->devices.empty());
  adapter_.reset();
}

TEST_F(RaucTest, PassesOverNonsense) {
  start_service();
  start_adapter();
  wait_until_known();
  rauc_->send_nonsense();
  rauc_->set_operation("installing");
  wait_for<EngineStarted>();
  rauc_->send_nonsense();
  rauc_->set_last_error("No space left on device");
  rauc_->complete(1);
  EXPECT_EQ(wait_for<EngineFailed>().cause, OtaCause::kNoSpace);
}

TEST_F(RaucTest, AsksWhatIsBootedWhileAnUpdateWaitsForItAndOnlyThen) {
  start_service();
  start_adapter();
  wait_until_known();
  EXPECT_EQ(rauc_->slots_asked, 1);
  confirming_ = true;
  EXPECT_TRUE(wait_for<EngineBooted>().confirmed);
  rauc_->slots[0].boot_status = "bad";
  EXPECT_TRUE(serve_until([&] {
    const auto booted = events_.take<EngineBooted>();
    return booted && !booted->confirmed;
  }));
}

}  // namespace
}  // namespace kernel_exporter

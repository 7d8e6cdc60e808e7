// SPDX-License-Identifier: Apache-2.0
#include "ota/tracker/listener.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <thread>

#include "../../host/temporary_tree.h"
#include "ota/tracker/tracker.h"

namespace kernel_exporter {
namespace {

// Notes all calls and finds out whether two come at a time. `during` runs in each of them.
class Recorder : public OtaListener {
 public:
  void begun(const OtaTransaction& transaction) override { note("begun", transaction); }
  void ending(const OtaTransaction& transaction) override { note("ending", transaction); }
  void ended(const OtaTransaction& transaction) override { note("ended", transaction); }

  std::vector<std::string> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

  std::function<void(const std::string& call, const OtaTransaction& transaction)> during =
      [](const std::string&, const OtaTransaction&) {};
  std::atomic<int> overlapping = 0;

 private:
  void note(const std::string& call, const OtaTransaction& transaction) {
    overlapping += under_way_.exchange(true);
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back(call + std::to_string(transaction.number));
    }
    during(call, transaction);
    under_way_ = false;
  }

  std::atomic<bool> under_way_ = false;
  std::mutex mutex_;
  std::vector<std::string> calls_;  // protected by mutex_
};

using Calls = std::vector<std::string>;

class OtaListenerTest : public testing::Test {
 protected:
  OtaListenerTest() { tracker_.set_listener(&recorder_); }
  ~OtaListenerTest() override { tracker_.set_listener(nullptr); }

  bool begin(const std::string& engine) {
    OtaBegin request;
    request.id = "id";
    request.engine = engine;
    return tracker_.begin(request).has_value();
  }
  bool end(const std::string& engine) {
    OtaEnd request;
    request.target.engine = engine;
    request.event = OtaEvent::kEndFailed;
    return tracker_.end(request).has_value();
  }
  OtaConfig config() const {
    OtaConfig config;
    config.ledger = tree_.path("ota.ledger");
    return config;
  }
  bool is_open(const std::string& engine) {
    return tracker_.book()->find_open({engine, ""}).has_value();
  }

  const TemporaryTree tree_;
  Recorder recorder_;
  OtaTracker tracker_{config(), HostPaths{}, "boot", ota_now, [](int) { return 0; }};
};

TEST_F(OtaListenerTest, HearsOfABeginBeforeItsEndWhateverItIsBusyWith) {
  std::promise<void> entered;
  std::promise<void> leave;
  recorder_.during = [&](const std::string&, const OtaTransaction& transaction) {
    if (transaction.engine != "slow") return;
    entered.set_value();
    leave.get_future().wait();
  };
  std::jthread slow([&] { begin("slow"); });
  entered.get_future().wait();
  std::jthread begins([&] { EXPECT_TRUE(begin("quick")); });
  while (!is_open("quick")) std::this_thread::yield();
  std::jthread ends([&] { EXPECT_TRUE(end("quick")); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // time for a wrong order
  leave.set_value();
  ends.join();
  EXPECT_EQ(recorder_.calls(), (Calls{"begun1", "begun2", "ending2", "ended2"}));
}

TEST_F(OtaListenerTest, MayUseTheTrackerInACall) {
  recorder_.during = [&](const std::string& call, const OtaTransaction& transaction) {
    // From another thread: a lock held would never let it go on.
    std::async(std::launch::async, [&] {
      OtaEvidence evidence;
      evidence.cause = OtaCause::kNoSpace;
      evidence.at_ns = tracker_.now().boottime_ns;
      EXPECT_EQ(tracker_.evidence(evidence, transaction.number), call != "ended");
    }).wait();
    if (call == "ended" && transaction.engine == "first") {
      EXPECT_TRUE(begin("second"));
    }
  };
  ASSERT_TRUE(begin("first"));
  ASSERT_TRUE(end("first"));
  EXPECT_EQ(recorder_.calls(), (Calls{"begun1", "ending1", "ended1", "begun2"}));
  EXPECT_EQ(recorder_.overlapping, 0);
  EXPECT_EQ(tracker_.book()->engines().at("first").last->cause, OtaCause::kNoSpace);
}

TEST_F(OtaListenerTest, MayStopListeningInACall) {
  recorder_.during = [&](const std::string&, const OtaTransaction&) {
    tracker_.set_listener(nullptr);
  };
  ASSERT_TRUE(begin("a"));
  ASSERT_TRUE(end("a"));
  EXPECT_EQ(recorder_.calls(), Calls{"begun1"});
}

// Each engine has one thread that begins and two that end.
TEST_F(OtaListenerTest, HearsEachTransactionInOrderFromManyThreads) {
  constexpr int kUpdates = 100;
  std::atomic<int> done = 0;
  recorder_.during = [&](const std::string&, const OtaTransaction&) {
    tracker_.open_transactions();
    std::this_thread::yield();
  };
  {
    std::vector<std::jthread> threads;
    for (const std::string engine : {"a", "b", "c"}) {
      threads.emplace_back([&, engine] {
        for (int i = 0; i < kUpdates; ++i) {
          while (!begin(engine)) std::this_thread::yield();
        }
      });
      for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&, engine] {
          while (done < 3 * kUpdates) {
            if (is_open(engine) && end(engine)) ++done;
            std::this_thread::yield();
          }
        });
      }
    }
  }
  EXPECT_EQ(recorder_.overlapping, 0);
  std::map<std::string, Calls> by_transaction;
  for (const std::string& call : recorder_.calls()) {
    const size_t digits = call.find_first_of("0123456789");
    Calls& calls = by_transaction[call.substr(digits)];
    const std::string what = call.substr(0, digits);
    // Two may try to end it, of whom one succeeds.
    if (calls.empty() || calls.back() != what) calls.push_back(what);
  }
  EXPECT_EQ(by_transaction.size(), 3u * kUpdates);
  for (const auto& [transaction, calls] : by_transaction) {
    EXPECT_EQ(calls, (Calls{"begun", "ending", "ended"})) << transaction;
  }
}

TEST_F(OtaListenerTest, IsNotCalledAnyMoreOnceItHasStopped) {
  std::atomic<bool> stop = false;
  std::vector<std::jthread> threads;
  for (const std::string engine : {"a", "b"}) {
    threads.emplace_back([&, engine] {
      while (!stop) {
        begin(engine);
        end(engine);
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    // Its own memory: a late call would be found by the sanitizers.
    auto listener = std::make_unique<Recorder>();
    std::atomic<bool> listening = true;
    std::atomic<int> late = 0;
    listener->during = [&](const std::string&, const OtaTransaction&) { late += !listening; };
    tracker_.set_listener(listener.get());
    std::this_thread::yield();
    tracker_.set_listener(nullptr);
    listening = false;
    listener.reset();
    EXPECT_EQ(late, 0);
  }
  stop = true;
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/watch/starvation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "../../host/temporary_tree.h"

namespace kernel_exporter {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kLimit = 10 * kSecond;
constexpr uint64_t kUpdate = 3;

TEST(CpuWaited, TakesTheTimeWithoutAnyRunningTask) {
  constexpr char kSome[] = "some avg10=1.00 avg60=2.00 avg300=3.00 total=4000\n";
  constexpr char kFull[] = "full avg10=0.10 avg60=0.20 avg300=0.30 total=70\n";
  EXPECT_EQ(cpu_waited_ns(std::string(kSome) + kFull), 70'000);
  EXPECT_EQ(cpu_waited_ns(kSome), 4'000'000);
  for (const char* text : {"", "full avg10=0.10", "full total=", "some total=x\n"}) {
    EXPECT_EQ(cpu_waited_ns(text), -1) << text;
  }
}

// A cgroup hierarchy of one cgroup, made of files.
class OtaStarvationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tree_.file("proc/self/mountinfo",
               "30 24 0:26 / " + tree_.path("cgroup") + " rw shared:9 - cgroup2 cgroup2 rw\n");
    waited(0);
    starvation_ = std::make_unique<OtaStarvation>(tree_.paths(), kLimit);
    starvation_->watch(kUpdate, "/ota");
  }

  // The fixture's content, in place: the reader keeps the file open.
  void waited(int64_t seconds) {
    tree_.file("cgroup/ota/cpu.pressure", "some total=999999999\nfull avg10=0 total=" +
                                              std::to_string(seconds * 1'000'000) + "\n");
  }
  // One second in which it waited for `wait` seconds: the spells that were found to have begun.
  size_t second(int64_t wait) {
    now_ += kSecond;
    sum_ += wait;
    waited(sum_);
    const auto found = starvation_->look(now_);
    for (const auto& [transaction, evidence] : found) {
      EXPECT_EQ(transaction, kUpdate);
      EXPECT_EQ(evidence.cause, OtaCause::kStarved);
      EXPECT_EQ(evidence.at_ns, now_);
      if (evidence.ended_ns) {
        EXPECT_EQ(evidence.ended_ns, now_);
        ++ended_;
      } else {
        EXPECT_EQ(evidence.began_ns, std::max(kStart, now_ - 2 * kLimit));
      }
    }
    return found.size() - std::ranges::count_if(found, [](const auto& one) {
             return one.second.ended_ns.has_value();
           });
  }

  TemporaryTree tree_;
  std::unique_ptr<OtaStarvation> starvation_;
  static constexpr int64_t kStart = 101 * kSecond;  // the first look
  int64_t now_ = 100 * kSecond;
  int64_t sum_ = 0;
  size_t ended_ = 0;  // spells
};

TEST_F(OtaStarvationTest, IsWaitingForMoreThanTheLimitWithinTwiceTheLimit) {
  EXPECT_EQ(second(0), 0U);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(second(1), 0U) << i;
  EXPECT_EQ(second(1), 1U);
  EXPECT_EQ(second(1), 0U) << "told already";
}

TEST_F(OtaStarvationTest, IsNotWaitingHalfOfTheTime) {
  size_t found = 0;
  for (int i = 0; i < 100; ++i) found += second(i % 2);
  EXPECT_EQ(found, 0U);
}

TEST_F(OtaStarvationTest, IsToldAgainOfAnotherSpell) {
  size_t found = 0;
  for (int i = 0; i < 15; ++i) found += second(1);
  for (int i = 0; i < 30; ++i) found += second(0);
  EXPECT_EQ(ended_, 1U);
  for (int i = 0; i < 15; ++i) found += second(1);
  EXPECT_EQ(found, 2U);
  EXPECT_EQ(ended_, 1U) << "it goes on";
}

TEST_F(OtaStarvationTest, EndsWithItsUpdate) {
  starvation_->forget(kUpdate);
  size_t found = 0;
  for (int i = 0; i < 30; ++i) found += second(1);
  EXPECT_EQ(found, 0U);
}

TEST_F(OtaStarvationTest, NeedsACgroupThatIsThere) {
  starvation_->watch(kUpdate + 1, "/gone");
  EXPECT_TRUE(starvation_->look(now_).empty());
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/model/cause.h"

#include <gtest/gtest.h>

#include <vector>

namespace kernel_exporter {
namespace {

OtaEvidence seen(OtaCause cause, int64_t at_ns, std::string device = "") {
  OtaEvidence evidence;
  evidence.cause = cause;
  evidence.at_ns = at_ns;
  evidence.device = std::move(device);
  return evidence;
}

constexpr OtaWindow kWindow{100, 200};

TEST(DecideCause, FollowsThePriority) {
  struct Row {
    std::vector<OtaCause> evidence;
    OtaCause claimed;
    OtaCause expected;
  };
  using enum OtaCause;
  const Row rows[] = {
      {{}, kNone, kNone},
      {{}, kVerifyFailed, kVerifyFailed},
      {{kNone}, kNone, kNone},
      {{kIoError, kMediaError}, kNone, kMediaError},
      {{kMediaError, kIoError}, kNone, kMediaError},
      {{kNoSpace, kIoError}, kNone, kIoError},
      {{kSignalKilled, kOomKilled}, kNone, kOomKilled},  // an OOM kill is a SIGKILL too
      {{kNoSpace, kOomKilled}, kNone, kNoSpace},
      {{kIoError}, kVerifyFailed, kIoError},            // the kernel knows why it does not verify
      {{kNetworkStall}, kVerifyFailed, kVerifyFailed},  // an old stall did not damage the bundle
      {{kStarved}, kEngineError, kStarved},
      {{kStarved, kNetworkStall}, kNone, kNetworkStall},
      {{kEngineError}, kMediaError, kMediaError},
  };
  for (const Row& row : rows) {
    std::vector<OtaEvidence> evidence;
    for (const OtaCause cause : row.evidence) evidence.push_back(seen(cause, 150));
    EXPECT_EQ(decide_cause(evidence, kWindow, row.claimed).cause, row.expected)
        << &row - rows << ": " << name_of(row.expected);
  }
}

TEST(DecideCause, IgnoresWhatLiesOutsideTheWindow) {
  const std::vector<OtaEvidence> evidence = {seen(OtaCause::kMediaError, 99),
                                             seen(OtaCause::kIoError, 201),
                                             seen(OtaCause::kStarved, 200)};
  const OtaVerdict verdict = decide_cause(evidence, kWindow, OtaCause::kNone);
  EXPECT_EQ(verdict.cause, OtaCause::kStarved);
  EXPECT_EQ(verdict.evidence, &evidence[2]);
  EXPECT_EQ(decide_cause(evidence, {0, 300}, OtaCause::kNone).cause, OtaCause::kMediaError);
}

TEST(DecideCause, NamesTheEarliestOfEqualEvidenceWhateverItsOrder) {
  const std::vector<OtaEvidence> evidence = {seen(OtaCause::kIoError, 170, "sdb"),
                                             seen(OtaCause::kIoError, 110, "sda"),
                                             seen(OtaCause::kIoError, 150, "sdc")};
  const OtaVerdict verdict = decide_cause(evidence, kWindow, OtaCause::kIoError);
  ASSERT_NE(verdict.evidence, nullptr);
  EXPECT_EQ(verdict.evidence->device, "sda");
}

}  // namespace
}  // namespace kernel_exporter

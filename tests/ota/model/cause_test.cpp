// SPDX-License-Identifier: Apache-2.0
#include "ota/model/cause.h"

#include <gtest/gtest.h>

#include <algorithm>
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
      {{kNetworkStall}, kVerifyFailed, kNetworkStall},  // what is cut off does not verify
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

// What happened, in the order of time; each may be over at a time of the window, or go on.
struct Seen {
  OtaCause cause;
  int64_t at;
  int64_t over = 0;
  bool sent = false;                 // by another process
  std::optional<uint64_t> offset{};  // of a request
  int64_t since = 0;                 // 0: when it was seen
};

TEST(DecideCause, FindsWhatNothingEarlierExplains) {
  using enum OtaCause;
  struct Row {
    std::vector<Seen> seen;
    OtaCause claimed;
    OtaCause root;
  };
  constexpr bool kSent = true;
  const Row rows[] = {
      // Who stops an update that does not get on is not why it failed.
      {{{kNetworkStall, 120}, {kSignalKilled, 150, 0, kSent}}, kEngineError, kNetworkStall},
      {{{kStarved, 120}, {kSignalKilled, 150, 0, kSent}}, kEngineError, kStarved},
      {{{kTimeout, 120}, {kSignalKilled, 150, 0, kSent}}, kEngineError, kTimeout},
      {{{kNetworkStall, 120}, {kTimeout, 130}, {kSignalKilled, 150, 0, kSent}},
       kNone,
       kNetworkStall},
      {{{kIoError, 120}, {kSignalKilled, 150, 0, kSent}}, kNone, kIoError},
      {{{kNoSpace, 120}, {kSignalKilled, 150, 0, kSent}}, kNone, kNoSpace},
      // It is, when the update got on again before.
      {{{kNetworkStall, 120, 130}, {kSignalKilled, 150, 0, kSent}}, kEngineError, kSignalKilled},
      {{{kStarved, 120, 130}, {kSignalKilled, 150, 0, kSent}}, kEngineError, kSignalKilled},
      {{{kNoSpace, 120, 130}, {kSignalKilled, 150, 0, kSent}}, kEngineError, kSignalKilled},
      {{{kSignalKilled, 150, 0, kSent}, {kNetworkStall, 160}}, kEngineError, kSignalKilled},
      {{{kSignalKilled, 150, 0, kSent}, {kNetworkStall, 190, 0, false, {}, 160}},
       kEngineError,
       kSignalKilled},
      // A crash is nobody's impatience, and the kernel's choice of a victim neither.
      {{{kNetworkStall, 120}, {kSignalKilled, 150}}, kEngineError, kSignalKilled},
      {{{kNetworkStall, 120}, {kOomKilled, 150}}, kEngineError, kOomKilled},
      {{{kStarved, 120}, {kOomKilled, 150}}, kEngineError, kOomKilled},
      // Who gets no CPU does not download, however soon that is noticed.
      {{{kStarved, 120}, {kNetworkStall, 130}}, kNone, kStarved},
      {{{kNetworkStall, 130, 0, false, {}, 110}, {kStarved, 140, 0, false, {}, 105}},
       kEngineError,
       kStarved},
      {{{kNetworkStall, 130, 0, false, {}, 100}, {kStarved, 180, 0, false, {}, 160}},
       kEngineError,
       kNetworkStall},
      {{{kStarved, 120, 125}, {kNetworkStall, 160}}, kEngineError, kNetworkStall},
      {{{kStarved, 120}}, kNetworkStall, kStarved},
      // What the engine says of the download after a stall that was over is about the bundle.
      {{{kNetworkStall, 120, 130}}, kVerifyFailed, kVerifyFailed},
      {{{kNetworkStall, 120, 130}}, kEngineError, kEngineError},
      {{{kStarved, 120, 130}}, kNone, kNone},
      {{{kStarved, 120}}, kVerifyFailed, kVerifyFailed},
      {{{kTimeout, 120}}, kVerifyFailed, kVerifyFailed},
      {{{kTimeout, 120}}, kEngineError, kTimeout},
      // A lack of space that the engine got around, unless it names it itself.
      {{{kNoSpace, 120, 130}}, kEngineError, kEngineError},
      {{{kNoSpace, 120, 130}}, kVerifyFailed, kVerifyFailed},
      {{{kNoSpace, 120, 130}}, kNoSpace, kNoSpace},
      {{{kNoSpace, 120}}, kEngineError, kNoSpace},
      {{{kNoSpace, 120}}, kVerifyFailed, kNoSpace},
      // A medium does not fail because of an update, whatever came before.
      {{{kNetworkStall, 120}, {kIoError, 150}}, kEngineError, kIoError},
      {{{kSignalKilled, 120, 0, kSent}, {kMediaError, 150}}, kEngineError, kMediaError},
      {{{kNoSpace, 120}, {kTimeout, 150, 0, false, 4096}}, kEngineError, kNoSpace},
      {{{kTimeout, 120, 0, false, 4096}, {kNetworkStall, 150}}, kEngineError, kTimeout},
      {{{kIoError, 120}, {kMediaError, 150}}, kEngineError, kMediaError},
      {{{kMediaError, 120}, {kOomKilled, 130}, {kStarved, 140}}, kVerifyFailed, kMediaError},
      // Agents may know what the kernel cannot see.
      {{}, kOomKilled, kOomKilled},
      {{{kSignalKilled, 150, 0, kSent}}, kVerifyFailed, kSignalKilled},
  };
  for (const Row& row : rows) {
    std::vector<OtaEvidence> evidence;
    for (const Seen& what : row.seen) {
      OtaEvidence& one = evidence.emplace_back(seen(what.cause, what.at));
      if (what.over != 0) one.ended_ns = what.over;
      if (what.since != 0) one.began_ns = what.since;
      one.sent = what.sent;
      one.offset = what.offset;
    }
    EXPECT_EQ(name_of(decide_cause(evidence, kWindow, row.claimed).cause), name_of(row.root))
        << "row " << &row - rows;
    std::ranges::reverse(evidence);
    EXPECT_EQ(name_of(decide_cause(evidence, kWindow, row.claimed).cause), name_of(row.root))
        << "row " << &row - rows << ", told in the reverse order";
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

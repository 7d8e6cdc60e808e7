// SPDX-License-Identifier: Apache-2.0
#include "ota/model/cause.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace kernel_exporter {
namespace {

using enum OtaCause;

// One that may be the root; the agent's claim has no evidence.
struct Candidate {
  OtaEvidence seen;
  const OtaEvidence* evidence = nullptr;
};

bool is_overdue(const OtaEvidence& seen) { return seen.cause == kTimeout && !seen.of_medium(); }

// Somebody lost patience with an update that did not get on.
bool is_impatience(const OtaEvidence& seen) {
  return is_overdue(seen) || seen.cause == kEngineError ||
         (seen.cause == kSignalKilled && seen.sent);
}

// Whether what began earlier leads to the later one. A medium never fails because of an update, and
// nothing but its own appetite has the kernel kill a process for its memory.
bool explains(const OtaEvidence& earlier, const OtaEvidence& later) {
  if (later.of_medium()) return false;
  if (earlier.of_medium() || later.cause == kEngineError) return true;
  if (is_overdue(earlier)) return is_impatience(later);
  switch (earlier.cause) {
    case kNoSpace:
    case kOomKilled:
    case kSignalKilled:
      return later.cause != kNoSpace;
    case kNetworkStall:
      return is_impatience(later) || later.cause == kVerifyFailed;
    case kStarved:
      return is_impatience(later) || later.cause == kNetworkStall;
    default:
      return false;
  }
}

// The least is the strongest.
auto strength(const Candidate& one) {
  return std::tuple(one.seen.cause == kEngineError, is_overdue(one.seen), one.seen.cause,
                    one.evidence == nullptr, one.seen.since_ns());
}

auto age(const Candidate& one) { return std::tuple(one.seen.since_ns(), strength(one)); }

}  // namespace

OtaVerdict decide_cause(std::span<const OtaEvidence> evidence, OtaWindow window, OtaCause claimed) {
  std::vector<Candidate> candidates;
  for (const OtaEvidence& seen : evidence) {
    if (seen.cause == kNone || seen.at_ns < window.from_ns || seen.at_ns > window.to_ns) continue;
    if (!seen.ended_ns || seen.cause == claimed) candidates.push_back({seen, &seen});
  }
  if (claimed != kNone) {
    OtaEvidence claim;
    claim.cause = claimed;
    claim.at_ns = window.to_ns;
    candidates.push_back({claim, nullptr});
  }
  std::ranges::sort(candidates, {}, age);
  std::vector<Candidate> roots;
  for (auto one = candidates.begin(); one != candidates.end(); ++one) {
    const bool explained = std::any_of(candidates.begin(), one, [&](const Candidate& earlier) {
      return earlier.seen.cause != one->seen.cause && explains(earlier.seen, one->seen);
    });
    if (!explained) roots.push_back(*one);
  }
  if (roots.empty()) return {};
  const Candidate root = *std::ranges::min_element(roots, {}, strength);
  return {root.seen.cause, root.evidence};
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/model/cause.h"

namespace kernel_exporter {

OtaVerdict decide_cause(std::span<const OtaEvidence> evidence, OtaWindow window, OtaCause claimed) {
  OtaVerdict verdict{claimed, nullptr};
  for (const OtaEvidence& seen : evidence) {
    if (seen.at_ns < window.from_ns || seen.at_ns > window.to_ns) continue;
    if (seen.cause == OtaCause::kNone || seen.cause > verdict.cause) continue;
    const bool later_of_equals = seen.cause == verdict.cause && verdict.evidence != nullptr &&
                                 seen.at_ns >= verdict.evidence->at_ns;
    if (!later_of_equals) verdict = {seen.cause, &seen};
  }
  return verdict;
}

}  // namespace kernel_exporter

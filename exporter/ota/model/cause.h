// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "ota/model/vocabulary.h"

namespace kernel_exporter {

// One observation that may explain a failed update.
struct OtaEvidence {
  OtaCause cause = OtaCause::kNone;
  std::string device;              // the kernel's name ("sda2", "mtd3"), "" for none
  std::optional<uint64_t> offset;  // bytes from the start of the device
  std::string status;              // what was seen, in the kernel's words: "EIO", "SIGKILL"
  // When it happened. Handed to OtaTracker::evidence(): CLOCK_BOOTTIME. Kept with a transaction:
  // nanoseconds since its begin, summed over boots, so that one axis crosses reboots.
  int64_t at_ns = 0;
  uint64_t count = 1;  // how often this cause was seen on this device

  bool operator==(const OtaEvidence&) const = default;
};

struct OtaWindow {
  int64_t from_ns = 0;
  int64_t to_ns = 0;
};

struct OtaVerdict {
  OtaCause cause = OtaCause::kNone;
  const OtaEvidence* evidence = nullptr;  // into the span; null when the agent's word decided
};

// Why an update failed: the strongest cause (OtaCause is ordered) among the evidence inside the
// window and what the agent claims (kNone: nothing). What the kernel saw explains what an agent can
// only call a failed verification; of equal causes the earliest evidence counts. With nothing at
// all it is kNone.
OtaVerdict decide_cause(std::span<const OtaEvidence> evidence, OtaWindow window, OtaCause claimed);

}  // namespace kernel_exporter

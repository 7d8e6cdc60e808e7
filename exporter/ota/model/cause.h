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
  // On the same axis. When the condition began that was noticed at `at_ns`; and when it was over,
  // because what it had stopped went on.
  std::optional<int64_t> began_ns;
  std::optional<int64_t> ended_ns;
  bool sent = false;  // a signal that another process sent

  int64_t since_ns() const { return began_ns.value_or(at_ns); }
  // A request that failed, which has an offset where the kernel tells one. What else has these
  // causes is a limit of time, and a file system or device that is full.
  bool of_medium() const {
    const bool by_request = cause == OtaCause::kTimeout || cause == OtaCause::kNoSpace;
    return cause == OtaCause::kMediaError || cause == OtaCause::kIoError || (by_request && offset);
  }

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

// Why an update failed: of the evidence inside the window and of what the agent claims at its end
// (kNone: nothing), what nothing earlier explains. What is over explains nothing and is no cause,
// unless the agent claims the same. Of several that are left it is the strongest (OtaCause is
// ordered, the time limit last but for engine_error), of equals the earliest. With nothing at all
// it is kNone.
OtaVerdict decide_cause(std::span<const OtaEvidence> evidence, OtaWindow window,
                        OtaCause claimed = OtaCause::kNone);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"
#include "ota/model/vocabulary.h"

namespace kernel_exporter {

// What can happen to an open transaction: an agent sets a state or ends it, or the machine boots.
enum class OtaEvent {
  kSetIdle,
  kSetDownloading,
  kSetVerifying,
  kSetApplying,
  kSetRebooting,
  kSetConfirming,
  kEndInstalled,
  kEndFailed,
  kEndConfirmed,
  kEndRolledBack,
  kNewBoot,
};
constexpr std::array<std::string_view, 11> kOtaEventNames = {
    "set idle",      "set downloading", "set verifying", "set applying",
    "set rebooting", "set confirming",  "end installed", "end failed",
    "end confirmed", "end rolled_back", "new boot"};

constexpr std::string_view name_of(OtaEvent event) { return kOtaEventNames[index_of(event)]; }
constexpr OtaEvent setting(OtaState state) { return static_cast<OtaEvent>(index_of(state)); }

// Where an event leads: to a state, to the end with an outcome, or (neither) nowhere: refused.
struct OtaTransition {
  std::optional<OtaState> state;
  std::optional<OtaOutcome> outcome;

  bool legal() const { return state || outcome; }
  bool operator==(const OtaTransition&) const = default;
};

OtaTransition transition(OtaState from, OtaEvent event);

// The same for all states that a transaction is in; the error says what would be possible.
[[nodiscard]] Result<OtaTransition> transition(OtaStates from, OtaEvent event);

// "downloading+applying"
std::string names_of(OtaStates states);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <optional>
#include <string_view>

namespace kernel_exporter {

// The words of OTA: label values of metrics, of messages and of the ledger alike.
enum class OtaState { kIdle, kDownloading, kVerifying, kApplying, kRebooting, kConfirming };
constexpr std::array<std::string_view, 6> kOtaStateNames = {
    "idle", "downloading", "verifying", "applying", "rebooting", "confirming"};

enum class OtaOutcome { kSucceeded, kFailed, kRolledBack, kInterrupted };
constexpr std::array<std::string_view, 4> kOtaOutcomeNames = {"succeeded", "failed", "rolled_back",
                                                              "interrupted"};

// The strongest first, see cause.h; kNone is no cause at all.
enum class OtaCause {
  kMediaError,
  kIoError,
  kNoSpace,
  kTimeout,
  kOomKilled,
  kSignalKilled,
  kVerifyFailed,
  kNetworkStall,
  kStarved,
  kPowerLoss,
  kEngineError,
  kNone,
};
constexpr size_t kOtaCauseCount = 11;  // without kNone
constexpr std::array<std::string_view, kOtaCauseCount + 1> kOtaCauseNames = {
    "media_error",   "io_error",      "no_space", "timeout",    "oom_killed",   "signal_killed",
    "verify_failed", "network_stall", "starved",  "power_loss", "engine_error", "none"};

enum class OtaRole { kSlot, kBootenv, kData };
constexpr std::array<std::string_view, 3> kOtaRoleNames = {"slot", "bootenv", "data"};

// The states that a transaction is in at once: a streaming engine downloads and applies.
using OtaStates = std::bitset<kOtaStateNames.size()>;

constexpr size_t index_of(auto word) { return static_cast<size_t>(word); }
constexpr std::string_view name_of(OtaState state) { return kOtaStateNames[index_of(state)]; }
constexpr std::string_view name_of(OtaOutcome word) { return kOtaOutcomeNames[index_of(word)]; }
constexpr std::string_view name_of(OtaCause cause) { return kOtaCauseNames[index_of(cause)]; }
constexpr std::string_view name_of(OtaRole role) { return kOtaRoleNames[index_of(role)]; }

inline OtaStates states_of(OtaState state) { return OtaStates().set(index_of(state)); }

// The word behind a name: word_of<OtaState>(kOtaStateNames, "applying").
template <typename Word, size_t kCount>
constexpr std::optional<Word> word_of(const std::array<std::string_view, kCount>& names,
                                      std::string_view name) {
  for (size_t i = 0; i < kCount; ++i) {
    if (names[i] == name) return static_cast<Word>(i);
  }
  return {};
}

}  // namespace kernel_exporter

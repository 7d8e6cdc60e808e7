// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ota/model/cause.h"
#include "ota/model/vocabulary.h"

namespace kernel_exporter {

// What an adapter saw its engine do. An engine has at most one installation at a time.
struct EngineEvent {
  enum class Kind {
    kStarted,     // an installation began, or was under way when the adapter came
    kState,       // `states` are the ones that go on now
    kProgress,    // `progress` or `downloaded_bytes` changed
    kInstalled,   // everything is written; the new version runs after the next boot
    kFailed,      // `cause` and `detail` are the engine's words
    kGone,        // the engine's process ended in the middle of an installation
    kConfirmed,   // the engine holds the version that was booted for good
    kRolledBack,  // another version than the installed one was booted, or is marked bad
    kBooted,  // what runs now: `devices` and `version`, beside `standby`; `confirmed` or not yet
  };
  Kind kind = Kind::kStarted;
  std::string engine;
  std::vector<OtaState> states;
  std::optional<double> progress;            // 0 to 1
  std::optional<uint64_t> downloaded_bytes;  // so far
  std::optional<uint64_t> payload_bytes;     // where known
  std::string from;                          // kStarted: the version that runs, "" where not known
  std::string version;                       // the new one; kBooted: what runs; "" where not known
  std::vector<std::string> devices;  // kStarted: target slots, where known; kBooted: what runs
  std::vector<std::string> standby;  // kBooted: the slots that do not run
  bool confirmed = false;            // kBooted: the engine holds what runs for good
  bool needs_reboot = true;          // kStarted: false when kInstalled is all there is to wait for
  std::string cgroup;                // kStarted: the update's, where known without a process
  pid_t pid =
      0;  // kStarted: the service, whose cgroup, or itself in the root cgroup, is bound; 0: unknown
  OtaCause cause = OtaCause::kNone;
  std::string detail;

  bool operator==(const EngineEvent&) const = default;
};

// Called from the adapter's own thread, one event at a time.
using EngineListener = std::function<void(const EngineEvent&)>;

}  // namespace kernel_exporter

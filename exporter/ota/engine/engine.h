// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ota/model/cause.h"
#include "ota/model/vocabulary.h"

namespace kernel_exporter {

// The installation goes on. What is empty is not known, or as it was before.
struct EngineWorked {
  std::vector<OtaState> states;              // all that go on now
  std::optional<double> progress;            // 0 to 1
  std::optional<uint64_t> downloaded_bytes;  // so far
  std::optional<uint64_t> payload_bytes;
  std::string version;  // the new one

  bool operator==(const EngineWorked&) const = default;
};

// An installation began, or was in progress when the adapter connected.
struct EngineStarted {
  EngineWorked work;
  std::string from;                  // the version that runs, "" where not known
  std::vector<std::string> devices;  // the target slots; empty: those of the configuration
  std::string cgroup;                // of the update; "": that of the process `pid`
  pid_t pid = 0;                     // the engine's service; 0: not known
  bool needs_reboot = true;          // false: the update has succeeded once it is installed

  bool operator==(const EngineStarted&) const = default;
};

// Everything is written; the new version runs after the next boot.
struct EngineInstalled {
  std::string version;  // "" where not known
  std::string detail;

  bool operator==(const EngineInstalled&) const = default;
};

struct EngineFailed {
  OtaCause cause = OtaCause::kEngineError;  // as the engine puts it
  std::string detail;

  bool operator==(const EngineFailed&) const = default;
};

// The engine's process ended during an installation, or how that ended cannot be found out.
struct EngineGone {
  std::string detail;

  bool operator==(const EngineGone&) const = default;
};

// Which slots run, as the engine sees it: after an update either the new ones or, after a rollback,
// the old ones.
struct EngineBooted {
  std::vector<std::string> devices;  // what runs
  std::vector<std::string> standby;  // what does not
  std::string version;               // of what runs, "" where not known
  bool confirmed = false;            // the engine will boot it again

  bool operator==(const EngineBooted&) const = default;
};

// What an adapter saw its engine do. An engine has at most one installation at a time.
struct EngineEvent {
  std::string engine;
  std::variant<EngineStarted, EngineWorked, EngineInstalled, EngineFailed, EngineGone, EngineBooted>
      what;

  bool operator==(const EngineEvent&) const = default;
};

// Called from the adapter's own thread, one event at a time.
using EngineListener = std::function<void(const EngineEvent&)>;

}  // namespace kernel_exporter

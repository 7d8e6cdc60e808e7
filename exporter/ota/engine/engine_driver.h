// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "host/paths.h"
#include "ota/engine/engine.h"
#include "ota/tracker/config.h"
#include "ota/tracker/tracker.h"

namespace kernel_exporter {

// Turns what adapters see of their engines into transactions. One that an agent began is adopted as
// it is: the agent knows more. An end that no start preceded is about an installation that went on
// when this exporter started, and counts only while that one is still open. Thread-safe.
class EngineDriver {
 public:
  // The tracker must outlive the driver.
  EngineDriver(OtaTracker& tracker, const OtaConfig& config, HostPaths paths);

  void handle(const EngineEvent& event);

  // An update of the engine was booted and waits for kConfirmed, kRolledBack or kBooted.
  bool confirming(std::string_view engine) const;

 private:
  void start(const EngineEvent& event);
  void begin(const EngineEvent& event);
  void advance(const EngineEvent& event);
  void finish(const EngineEvent& event);
  void end_confirming(const EngineEvent& event, OtaEvent outcome);
  void compare_booted(const EngineEvent& event);
  void end(const EngineEvent& event, OtaEvent outcome, OtaCause cause, const std::string& detail);
  bool follows(const EngineEvent& event, const OtaTransaction& open);
  void bind_tasks(const EngineEvent& event, OtaBegin& request) const;
  std::vector<OtaDevice> devices_of(const EngineEvent& event) const;

  OtaTracker& tracker_;
  const std::map<std::string, OtaRole> roles_;
  const HostPaths paths_;

  std::mutex mutex_;
  // State below is protected by mutex_; by engine, the number of a transaction.
  std::map<std::string, uint64_t, std::less<>> left_over_;  // open when this exporter started
  std::map<std::string, uint64_t, std::less<>> followed_;   // its kStarted was seen
};

}  // namespace kernel_exporter

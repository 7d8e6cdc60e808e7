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

  // An update of the engine was booted and waits for an EngineBooted that decides.
  bool confirming(std::string_view engine) const;

 private:
  void on(const std::string& engine, const EngineStarted& started);
  void on(const std::string& engine, const EngineWorked& worked);
  void on(const std::string& engine, const EngineInstalled& installed);
  void on(const std::string& engine, const EngineFailed& failed);
  void on(const std::string& engine, const EngineGone& gone);
  void on(const std::string& engine, const EngineBooted& booted);

  void begin(const std::string& engine, const EngineStarted& started);
  void end(const std::string& engine, OtaEvent outcome, OtaCause cause, const std::string& detail);
  void fail_installation(const std::string& engine, OtaCause cause, const std::string& detail);
  bool installs(const std::string& engine) const;
  bool follows(const OtaTransaction& open) const;
  void bind_tasks(const EngineStarted& started, OtaBegin& request) const;
  std::vector<OtaDevice> devices_of(const EngineStarted& started) const;

  OtaTracker& tracker_;
  const std::map<std::string, OtaRole> roles_;
  const HostPaths paths_;

  std::mutex mutex_;
  // State below is protected by mutex_; by engine, the number of a transaction.
  std::map<std::string, uint64_t, std::less<>> left_over_;  // open when this exporter started
  std::map<std::string, uint64_t, std::less<>> followed_;   // its start was seen
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"
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
  void on(const std::string& engine, const EngineStarted& started) REQUIRES(mutex_);
  void on(const std::string& engine, const EngineWorked& worked) REQUIRES(mutex_);
  void on(const std::string& engine, const EngineInstalled& installed) REQUIRES(mutex_);
  void on(const std::string& engine, const EngineFailed& failed) REQUIRES(mutex_);
  void on(const std::string& engine, const EngineGone& gone) REQUIRES(mutex_);
  void on(const std::string& engine, const EngineBooted& booted) REQUIRES(mutex_);

  void begin(const std::string& engine, const EngineStarted& started) REQUIRES(mutex_);
  void end(const std::string& engine, OtaEvent outcome, OtaCause cause, const std::string& detail)
      REQUIRES(mutex_);
  void fail_installation(const std::string& engine, OtaCause cause, const std::string& detail)
      REQUIRES(mutex_);
  bool installs(const std::string& engine) const REQUIRES(mutex_);
  bool follows(const OtaTransaction& open) const REQUIRES(mutex_);
  void bind_tasks(const EngineStarted& started, OtaBegin& request) const;
  std::vector<OtaDevice> devices_of(const EngineStarted& started) const;

  OtaTracker& tracker_;
  const std::map<std::string, OtaRole> roles_;
  const HostPaths paths_;

  Mutex mutex_;
  // By engine, the number of a transaction.
  std::map<std::string, uint64_t, std::less<>> left_over_
      GUARDED_BY(mutex_);  // open when this exporter started
  std::map<std::string, uint64_t, std::less<>> followed_ GUARDED_BY(mutex_);  // its start was seen
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace kernel_exporter {

// What the service manager hears of us (sd_notify(3), Type=notify). Where none listens
// ($NOTIFY_SOCKET is not set) every call does nothing. One thread.
class ServiceManager {
 public:
  // How often alive() is due: half of the unit's WatchdogSec=, so that one late check is no death;
  // nullopt: nobody waits for it.
  static std::optional<std::chrono::microseconds> watchdog_period();

  void ready(const std::string& status);
  void reloading();
  // After reloading(), whether or not the new rules were taken.
  void reloaded(bool successful);
  void alive();
  void stopping();

 private:
  std::string status_;
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "service/service_manager.h"

#include <systemd/sd-daemon.h>

#include <ctime>

namespace kernel_exporter {
namespace {

// Not being heard is the service manager's matter: it acts on what it misses.
void notify(const std::string& state) { (void)::sd_notify(0, state.c_str()); }

std::string monotonic_microseconds() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto since_boot = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(since_boot).count());
}

}  // namespace

std::optional<std::chrono::microseconds> ServiceManager::watchdog_period() {
  uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::microseconds(microseconds / 2);
}

void ServiceManager::ready(const std::string& status) {
  status_ = status;
  notify("READY=1\nSTATUS=" + status_);
}

// The time is what Type=notify-reload (systemd 253) wants to know.
void ServiceManager::reloading() {
  notify("RELOADING=1\nSTATUS=reloading rules\nMONOTONIC_USEC=" + monotonic_microseconds());
}

void ServiceManager::reloaded(bool successful) {
  notify("READY=1\nSTATUS=" + status_ +
         (successful ? "" : "; reload failed, the previous rules stay active"));
}

void ServiceManager::alive() { notify("WATCHDOG=1"); }

void ServiceManager::stopping() { notify("STOPPING=1\nSTATUS=ending"); }

}  // namespace kernel_exporter

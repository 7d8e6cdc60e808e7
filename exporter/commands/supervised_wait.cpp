// SPDX-License-Identifier: Apache-2.0
#include "commands/supervised_wait.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>

#include "base/log.h"
#include "service/service_manager.h"

namespace kernel_exporter {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPatience(20'000);

// The signal, 0 when the time came first.
int next_signal(const sigset_t& signals, std::optional<Clock::time_point> until) {
  for (;;) {
    timespec left = {};
    if (until) {
      const auto time = std::max(*until - Clock::now(), Clock::duration::zero());
      const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
      left = {seconds.count(), std::chrono::nanoseconds(time - seconds).count()};
    }
    const int number = ::sigtimedwait(&signals, nullptr, until ? &left : nullptr);
    if (number > 0) return number;
    if (errno == EAGAIN) return 0;
  }
}

}  // namespace

sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

void wait_for_end(const sigset_t& signals, const std::string& where, SelfRequest& self,
                  const std::function<Result<void>()>& reload) {
  ServiceManager manager;
  const auto period = ServiceManager::watchdog_period();
  auto next = period ? std::optional(Clock::now() + *period) : std::nullopt;
  manager.ready("serving " + where);
  for (;;) {
    const int number = next_signal(signals, next);
    if (number == SIGHUP) {
      manager.reloading();
      manager.reloaded(reload().has_value());  // logged and counted by the exporter itself
    } else if (number != 0) {
      manager.stopping();
      return spdlog::info("{}, shutting down", number == SIGTERM ? "SIGTERM" : "SIGINT");
    } else {
      const auto answered =
          self.ask(std::min(kPatience, std::chrono::floor<std::chrono::milliseconds>(*period)));
      if (answered) manager.alive();
      if (!answered) spdlog::error("no keep-alive to the watchdog: {}", answered.error().message);
      next = Clock::now() + *period;
    }
  }
}

}  // namespace kernel_exporter

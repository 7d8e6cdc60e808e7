// SPDX-License-Identifier: Apache-2.0
#include "commands/supervised_wait.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

#include "base/log.h"
#include "service/service_manager.h"

namespace kernel_exporter {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPatience(20'000);
constexpr std::chrono::seconds kLongestEnd(5);
// From a reload to who waits for it.
constexpr int kReloaded = SIGUSR1;

extern "C" void end_at_once(int) { ::_exit(0); }

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

// A reload, or a disk that does not answer, may hold up the end for long.
void end_soon() {
  std::thread([] {
    std::this_thread::sleep_for(kLongestEnd);
    spdlog::warn("not everything could be ended in time");
    ::_exit(0);
  }).detach();
}

// At most one reload at a time. One thread uses it.
class Reloads {
 public:
  Reloads(const std::function<Result<void>()>& reload, ServiceManager& manager)
      : reload_(reload), manager_(manager) {}

  void begin() {
    if (thread_.joinable()) {
      again_ = true;
      return;
    }
    manager_.reloading();
    thread_ = std::jthread([this, waiting = ::pthread_self()] {
      successful_ = reload_().has_value();  // logged and counted by the exporter itself
      ::pthread_kill(waiting, kReloaded);
    });
  }

  // On kReloaded.
  void end() {
    if (!thread_.joinable()) return;
    thread_.join();
    manager_.reloaded(successful_);
    if (std::exchange(again_, false)) begin();
  }

 private:
  const std::function<Result<void>()>& reload_;
  ServiceManager& manager_;
  bool again_ = false;
  bool successful_ = false;
  std::jthread thread_;
};

}  // namespace

void end_on_signals() {
  for (const int number : {SIGTERM, SIGINT}) std::signal(number, end_at_once);
  sigset_t later;
  sigemptyset(&later);
  sigaddset(&later, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &later, nullptr);
}

sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, kReloaded}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void wait_for_end(const sigset_t& signals, const std::string& where, HttpServer& server,
                  const std::function<Result<void>()>& reload) {
  ServiceManager manager;
  Reloads reloads(reload, manager);
  const auto period = ServiceManager::watchdog_period();
  auto next = period ? std::optional(Clock::now() + *period) : std::nullopt;
  manager.ready("serving " + where);
  for (;;) {
    const int number = next_signal(signals, next);
    if (number == SIGHUP) {
      reloads.begin();
    } else if (number == kReloaded) {
      reloads.end();
    } else if (number != 0) {
      manager.stopping();
      end_soon();
      return spdlog::info("{}, shutting down", number == SIGTERM ? "SIGTERM" : "SIGINT");
    } else {
      const auto answered =
          server.check(std::min(kPatience, std::chrono::floor<std::chrono::milliseconds>(*period)));
      if (answered) manager.alive();
      if (!answered) spdlog::error("no keep-alive to the watchdog: {}", answered.error().message);
      next = Clock::now() + *period;
    }
  }
}

}  // namespace kernel_exporter

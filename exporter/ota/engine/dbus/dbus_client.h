// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/retry_log.h"
#include "base/unique_fd.h"

namespace kernel_exporter {

using DbusHandler = std::function<void(sd_bus_message* message)>;

// A signal of the service.
struct DbusSignal {
  std::string path;
  std::string interface;
  std::string member;
  DbusHandler handler;
};

// A call of a method of the service.
struct DbusCall {
  std::string path;
  std::string interface;
  std::string member;
  bool may_start_service = false;                          // the bus may, if it can
  std::function<int(sd_bus_message*)> append_arguments{};  // a negative errno: it cannot be sent
};

// The answer, or why there is none. The message lives as long as the call of the handler.
using DbusAnswerHandler = std::function<void(const Result<sd_bus_message*>& answer)>;

// A service on a bus, and what to do about it.
struct DbusService {
  std::string follower;  // who wants to know: begins log lines
  std::string bus;       // an address; "": the system bus (DBUS_SYSTEM_BUS_ADDRESS is honoured)
  std::string name;
  std::vector<DbusSignal> signals;
  // The service is on the bus, as `process` (0: not known): after each connection to the bus, and
  // each time that it takes its name.
  std::function<void(pid_t process)> appeared;
  // It is not: likewise, and before `appeared` when its name has changed hands. A bus that cannot
  // be reached says neither.
  std::function<void()> gone;
  // Every 2 s while the bus is connected.
  std::function<void()> tick;
};

// Follows one D-Bus service from a thread of its own, which calls all handlers and never waits for
// an answer. Bus and service may be absent, start later, crash or hang: a bus that cannot be
// reached is tried again every 2 s, a call is given up after 5 s. What a handler throws is logged
// and goes no further.
class DbusClient {
 public:
  explicit DbusClient(DbusService service);
  ~DbusClient();  // no handler is called any more once it returns
  DbusClient(const DbusClient&) = delete;
  DbusClient& operator=(const DbusClient&) = delete;

  // Starts the thread, once: when all that the handlers use is there.
  [[nodiscard]] Result<void> start();

  // The service is on the bus. Any thread.
  bool connected() const { return connected_; }

  // From handlers only. The handler is called once, or never when the bus is lost before; at once
  // when the call cannot be sent.
  void call(const DbusCall& call, const DbusAnswerHandler& handler);

 private:
  using Clock = std::chrono::steady_clock;
  struct Hook;
  struct CloseBus {
    void operator()(sd_bus* bus) const;
  };

  void run(const std::stop_token& token);
  int connect();
  int open(sd_bus** bus) const;
  int subscribe(const std::string& match, DbusHandler handler);
  Result<void> follow(const std::stop_token& token);
  void wait(Clock::time_point until) const;
  int send(sd_bus_message* call, DbusHandler handler);
  void ask_for_service();
  void service_known(sd_bus_message* answer);
  void owner_changed(sd_bus_message* signal);
  template <typename Call>
  void guarded(const Call& call);
  static int on_message(sd_bus_message* message, void* hook, sd_bus_error* error);
  static void bind(sd_bus_slot* slot, std::unique_ptr<Hook> hook);

  const DbusService service_;
  UniqueFd stop_;  // an eventfd
  std::atomic<bool> connected_ = false;
  // State below belongs to the thread.
  std::unique_ptr<sd_bus, CloseBus> bus_;
  std::string lost_;  // why the connection is of no use, "" while it is
  RetryLog bus_log_;
  RetryLog handler_log_;
  std::jthread thread_;  // last: joined before anything else goes
};

}  // namespace kernel_exporter

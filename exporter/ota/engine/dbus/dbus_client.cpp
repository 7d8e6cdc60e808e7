// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/dbus/dbus_client.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "ota/engine/dbus/dbus_message.h"

namespace kernel_exporter {
namespace {

constexpr char kDaemon[] = "org.freedesktop.DBus";
constexpr std::chrono::milliseconds kInterval(2000);
constexpr uint64_t kAnswerUs = 5'000'000;

struct UnrefMessage {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, UnrefMessage>;

Message new_call(sd_bus* bus, const std::string& service, const DbusCall& call, int& status) {
  sd_bus_message* created = nullptr;
  status = sd_bus_message_new_method_call(bus, &created, service.c_str(), call.path.c_str(),
                                          call.interface.c_str(), call.member.c_str());
  Message message(created);
  if (status >= 0) status = sd_bus_message_set_auto_start(created, call.may_start_service);
  if (status >= 0 && call.append_arguments) status = call.append_arguments(created);
  return message;
}

std::string error_of(sd_bus_message* answer) {
  const sd_bus_error* error = sd_bus_message_get_error(answer);
  if (!error) return "";
  return error->message ? error->message : error->name;
}

// Which one it is depends on whether we were reading or writing when the daemon hung up.
std::string reason_of(int status) {
  const bool closed = status == -ECONNRESET || status == -EPIPE || status == -ENOTCONN;
  return closed ? "the connection was closed by the bus" : errno_text(status);
}

std::string match_of(const DbusService& service, const DbusSignal& signal) {
  return "type='signal',sender='" + service.name + "',path='" + signal.path + "',interface='" +
         signal.interface + "',member='" + signal.member + "'";
}

}  // namespace

// What sd-bus calls back: it owns this until the subscription or the call is over.
struct DbusClient::Hook {
  DbusClient& client;
  DbusHandler handler;
};

// Without waiting for what was not sent yet: nobody may be there to read it.
void DbusClient::CloseBus::operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }

DbusClient::DbusClient(DbusService service)
    : service_(std::move(service)),
      bus_log_(service_.follower + ": " + (service_.bus.empty() ? "the system bus" : service_.bus)),
      handler_log_(service_.follower + ": " + service_.name) {}

DbusClient::~DbusClient() {
  thread_.request_stop();
  if (stop_) eventfd_write(stop_.get(), 1);
}

Result<void> DbusClient::start() {
  stop_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_) return fail_errno(errno, service_.follower + ": eventfd");
  thread_ = std::jthread([this](const std::stop_token& token) { run(token); });
  return {};
}

void DbusClient::run(const std::stop_token& token) {
  while (!token.stop_requested()) {
    lost_.clear();
    const int status = connect();
    const Result<void> followed =
        status >= 0 ? follow(token) : Result<void>(fail(reason_of(status)));
    if (!followed) bus_log_.failed(followed.error().message + "; retrying every 2 s");
    connected_ = false;
    bus_.reset();
    pollfd stop = {stop_.get(), POLLIN, 0};
    if (!token.stop_requested()) poll(&stop, 1, static_cast<int>(kInterval.count()));
  }
}

int DbusClient::connect() {
  sd_bus* bus = nullptr;
  int status = open(&bus);
  bus_.reset(bus);
  if (status < 0) return status;
  status = subscribe(std::string("type='signal',sender='") + kDaemon +
                         "',member='NameOwnerChanged',arg0='" + service_.name + "'",
                     [this](sd_bus_message* signal) { owner_changed(signal); });
  for (const DbusSignal& signal : service_.signals) {
    if (status >= 0) status = subscribe(match_of(service_, signal), signal.handler);
  }
  if (status >= 0) ask_for_service();
  return status;
}

int DbusClient::open(sd_bus** bus) const {
  if (service_.bus.empty()) return sd_bus_open_system(bus);
  int status = sd_bus_new(bus);
  if (status >= 0) status = sd_bus_set_address(*bus, service_.bus.c_str());
  if (status >= 0) status = sd_bus_set_bus_client(*bus, 1);
  return status >= 0 ? sd_bus_start(*bus) : status;
}

int DbusClient::on_message(sd_bus_message* message, void* hook, sd_bus_error*) {
  const Hook& own = *static_cast<Hook*>(hook);
  own.client.guarded([&] { own.handler(message); });
  return 0;
}

// A floating slot lives as long as what it is for, at most as long as the bus.
void DbusClient::bind(sd_bus_slot* slot, std::unique_ptr<Hook> hook) {
  sd_bus_slot_set_destroy_callback(slot, [](void* own) { delete static_cast<Hook*>(own); });
  static_cast<void>(hook.release());
  sd_bus_slot_set_floating(slot, 1);
  sd_bus_slot_unref(slot);
}

int DbusClient::subscribe(const std::string& match, DbusHandler handler) {
  auto hook = std::make_unique<Hook>(Hook{*this, std::move(handler)});
  sd_bus_slot* slot = nullptr;
  const int status =
      sd_bus_add_match_async(bus_.get(), &slot, match.c_str(), &on_message, nullptr, hook.get());
  if (status >= 0) bind(slot, std::move(hook));
  return status;
}

int DbusClient::send(sd_bus_message* call, DbusHandler handler) {
  auto hook = std::make_unique<Hook>(Hook{*this, std::move(handler)});
  sd_bus_slot* slot = nullptr;
  const int status = sd_bus_call_async(bus_.get(), &slot, call, &on_message, hook.get(), kAnswerUs);
  if (status >= 0) bind(slot, std::move(hook));
  return status;
}

void DbusClient::call(const DbusCall& call, const DbusAnswerHandler& handler) {
  const std::string what = service_.name + ": " + call.member;
  int status = 0;
  const Message message = new_call(bus_.get(), service_.name, call, status);
  if (status >= 0) {
    status = send(message.get(), [what, handler](sd_bus_message* answer) {
      const std::string error = error_of(answer);
      handler(error.empty() ? Result<sd_bus_message*>(answer) : fail(what + ": " + error));
    });
  }
  if (status < 0) handler(fail_errno(status, what));
}

// The daemon knows whether there is a service at all, and does not start it for this.
void DbusClient::ask_for_service() {
  const DbusCall call = {"/org/freedesktop/DBus", kDaemon, "GetConnectionUnixProcessID", false,
                         [this](sd_bus_message* message) {
                           return sd_bus_message_append(message, "s", service_.name.c_str());
                         }};
  int status = 0;
  const Message message = new_call(bus_.get(), kDaemon, call, status);
  if (status >= 0) {
    status = send(message.get(), [this](sd_bus_message* answer) { service_known(answer); });
  }
  if (status < 0) lost_ = errno_text(status);
}

void DbusClient::service_known(sd_bus_message* answer) {
  // Lost while we asked: sd_bus_process() says why.
  if (sd_bus_is_open(bus_.get()) <= 0) return;
  uint32_t process = 0;
  const bool absent =
      sd_bus_message_is_method_error(answer, "org.freedesktop.DBus.Error.NameHasNoOwner") > 0;
  // A service in another PID namespace has no process id here.
  const bool nameless =
      sd_bus_message_is_method_error(answer, "org.freedesktop.DBus.Error.UnixProcessIdUnknown") > 0;
  const bool present = nameless || sd_bus_message_read(answer, "u", &process) > 0;
  if (!absent && !present) {
    lost_ = "the daemon does not say whether " + service_.name + " is there: " + error_of(answer);
    return;
  }
  bus_log_.worked();
  connected_ = present;
  if (present) {
    service_.appeared(static_cast<pid_t>(process));
  } else {
    service_.gone();
  }
}

void DbusClient::owner_changed(sd_bus_message* signal) {
  read_text(signal);  // the name
  read_text(signal);  // the owner before
  const std::string owner = read_text(signal);
  connected_ = false;
  service_.gone();
  if (!owner.empty()) ask_for_service();
}

Result<void> DbusClient::follow(const std::stop_token& token) {
  auto tick = Clock::now() + kInterval;
  while (!token.stop_requested()) {
    const int status = sd_bus_process(bus_.get(), nullptr);
    if (status < 0) return fail(reason_of(status));
    if (!lost_.empty()) return fail(lost_);
    if (Clock::now() >= tick) {
      tick = Clock::now() + kInterval;
      if (sd_bus_is_ready(bus_.get()) > 0) guarded(service_.tick);
      continue;  // what it asked for is to be sent
    }
    if (status == 0) wait(tick);
  }
  return {};
}

void DbusClient::wait(Clock::time_point until) const {
  std::array<pollfd, 2> ready = {{{stop_.get(), POLLIN, 0}, {sd_bus_get_fd(bus_.get()), 0, 0}}};
  ready[1].events = static_cast<short>(sd_bus_get_events(bus_.get()));
  uint64_t timeout_us = UINT64_MAX;
  if (sd_bus_get_timeout(bus_.get(), &timeout_us) > 0 && timeout_us != UINT64_MAX) {
    // Both are CLOCK_MONOTONIC.
    until = std::min(until, Clock::time_point(std::chrono::microseconds(timeout_us)));
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  poll(ready.data(), ready.size(), static_cast<int>(std::max<int64_t>(0, left.count())));
}

template <typename Call>
void DbusClient::guarded(const Call& call) {
  try {
    call();
  } catch (const std::exception& error) {
    handler_log_.failed(error.what());
  } catch (...) {
    handler_log_.failed("an exception that is no std::exception");
  }
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/rauc/rauc.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/log.h"
#include "base/unique_fd.h"
#include "ota/engine/rauc/rauc_bundle.h"
#include "ota/engine/rauc/rauc_message.h"
#include "ota/engine/rauc/rauc_words.h"

namespace kernel_exporter {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kService[] = "de.pengutronix.rauc";
constexpr char kInstaller[] = "de.pengutronix.rauc.Installer";
constexpr char kProperties[] = "org.freedesktop.DBus.Properties";
constexpr char kDaemon[] = "org.freedesktop.DBus";
constexpr std::chrono::milliseconds kRetry(2000);
constexpr uint64_t kAnswerUs = 5'000'000;

struct CloseBus {
  // Without waiting for what was not sent yet: nobody may be there to read it.
  void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
};
struct UnrefMessage {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Bus = std::unique_ptr<sd_bus, CloseBus>;
using Message = std::unique_ptr<sd_bus_message, UnrefMessage>;

class Adapter : public RaucAdapter {
 public:
  Adapter(RaucSettings settings, UniqueFd stop)
      : settings_(std::move(settings)), stop_(std::move(stop)) {
    thread_ = std::jthread([this](const std::stop_token& token) { run(token); });
  }
  ~Adapter() override {
    thread_.request_stop();
    eventfd_write(stop_.get(), 1);
  }

  bool connected() const override { return connected_; }

 private:
  using Handler = void (Adapter::*)(sd_bus_message*);
  enum class AutoStart { kNo, kYes };

  void run(const std::stop_token& token) {
    while (!token.stop_requested()) {
      const int status = connect();
      if (status >= 0) {
        follow(token);
      } else {
        complain(status);
      }
      connected_ = false;
      bus_.reset();
      pollfd stop = {stop_.get(), POLLIN, 0};
      if (!token.stop_requested()) poll(&stop, 1, static_cast<int>(kRetry.count()));
    }
  }

  void complain(int status) {
    if (complained_) return;
    complained_ = true;
    spdlog::info("rauc: {}: {}; retrying every 2 s",
                 settings_.bus.empty() ? "the system bus" : settings_.bus, errno_text(status));
  }

  int connect() {
    sd_bus* bus = nullptr;
    int status = settings_.bus.empty() ? sd_bus_open_system(&bus) : open_address(&bus);
    bus_.reset(bus);
    if (status < 0) return status;
    const std::string signals = std::string("type='signal',path='/',sender='") + kService + "',";
    const std::array<std::pair<std::string, sd_bus_message_handler_t>, 3> matches = {{
        {signals + "interface='" + kProperties + "',member='PropertiesChanged'",
         &handle<&Adapter::properties_changed>},
        {signals + "interface='" + kInstaller + "',member='Completed'",
         &handle<&Adapter::completed>},
        {std::string("type='signal',sender='") + kDaemon + "',member='NameOwnerChanged',arg0='" +
             kService + "'",
         &handle<&Adapter::owner_changed>},
    }};
    for (const auto& [match, handler] : matches) {
      status = sd_bus_add_match_async(bus, nullptr, match.c_str(), handler, nullptr, this);
      if (status < 0) return status;
    }
    return ask_for_service();
  }

  int open_address(sd_bus** bus) const {
    int status = sd_bus_new(bus);
    if (status >= 0) status = sd_bus_set_address(*bus, settings_.bus.c_str());
    if (status >= 0) status = sd_bus_set_bus_client(*bus, 1);
    return status >= 0 ? sd_bus_start(*bus) : status;
  }

  template <Handler handler>
  static int handle(sd_bus_message* message, void* self, sd_bus_error*) {
    (static_cast<Adapter*>(self)->*handler)(message);
    return 0;
  }

  template <Handler handler>
  int ask(const char* interface, const char* member, AutoStart start, const char* text = nullptr) {
    sd_bus_message* created = nullptr;
    const bool daemon = interface == kDaemon;
    int status =
        sd_bus_message_new_method_call(bus_.get(), &created, daemon ? kDaemon : kService,
                                       daemon ? "/org/freedesktop/DBus" : "/", interface, member);
    const Message call(created);
    if (status >= 0) status = sd_bus_message_set_auto_start(created, start == AutoStart::kYes);
    if (status >= 0 && text) status = sd_bus_message_append(created, "s", text);
    if (status < 0) return status;
    return sd_bus_call_async(bus_.get(), nullptr, created, &handle<handler>, this, kAnswerUs);
  }

  // What the service is at, for an installation that began before we came. The daemon knows first
  // whether there is a service at all.
  int ask_for_service() {
    return ask<&Adapter::service_known>(kDaemon, "GetConnectionUnixProcessID", AutoStart::kNo,
                                        kService);
  }
  void ask_for_slots(AutoStart start) {
    ask<&Adapter::slots_known>(kInstaller, "GetSlotStatus", start);
  }

  void service_known(sd_bus_message* answer) {
    complained_ = false;
    uint32_t pid = 0;
    const bool there = !sd_bus_message_is_method_error(answer, nullptr) &&
                       sd_bus_message_read(answer, "u", &pid) > 0;
    connected_ = there;
    if (!there) return report(words_.gone());
    words_.set_service(static_cast<pid_t>(pid));
    ask_for_slots(AutoStart::kNo);
    ask<&Adapter::properties_known>(kProperties, "GetAll", AutoStart::kNo, kInstaller);
  }

  void slots_known(sd_bus_message* answer) {
    if (!sd_bus_message_is_method_error(answer, nullptr)) {
      words_.set_slots(read_slots(answer));
      report(words_.booted());
    }
    report(words_.installed());
  }

  void properties_known(sd_bus_message* answer) {
    if (sd_bus_message_is_method_error(answer, nullptr)) return;
    const RaucProperties properties = read_properties(answer);
    words_.last_error(properties.last_error);
    hear(properties);
    if (properties.operation == "idle") {
      ask<&Adapter::primary_known>(kInstaller, "GetPrimary", AutoStart::kNo);
    }
  }

  void primary_known(sd_bus_message* answer) {
    if (sd_bus_message_is_method_error(answer, nullptr)) return;
    report(words_.ended_unseen(words_.is_standby(read_text(answer))));
  }

  void properties_changed(sd_bus_message* signal) {
    if (read_text(signal) == kInstaller) hear(read_properties(signal));
  }

  void hear(const RaucProperties& properties) {
    if (properties.has_last_error) words_.last_error(properties.last_error);
    if (properties.has_operation) report(words_.operation(properties.operation));
    if (properties.percentage >= 0) {
      if (words_.wants_version()) {
        words_.set_version(mounted_bundle_version(settings_.paths, words_.service()));
      }
      report(words_.progress(properties.percentage, properties.progress));
    }
  }

  void completed(sd_bus_message* signal) {
    int32_t result = -1;
    if (sd_bus_message_read(signal, "i", &result) <= 0) return;
    report(words_.completed(result));
    ask_for_slots(AutoStart::kNo);
  }

  void owner_changed(sd_bus_message* signal) {
    read_text(signal);
    read_text(signal);
    connected_ = false;
    report(words_.gone());
    if (!read_text(signal).empty()) ask_for_service();
  }

  void follow(const std::stop_token& token) {
    auto asked = Clock::now();
    while (!token.stop_requested()) {
      const int status = sd_bus_process(bus_.get(), nullptr);
      if (status < 0) return complain(status);
      if (status > 0) continue;
      if (Clock::now() - asked >= kRetry) {
        asked = Clock::now();
        if (settings_.confirming()) ask_for_slots(AutoStart::kYes);
        continue;
      }
      wait();
    }
  }

  void wait() {
    std::array<pollfd, 2> ready = {{{stop_.get(), POLLIN, 0}, {sd_bus_get_fd(bus_.get()), 0, 0}}};
    ready[1].events = static_cast<short>(sd_bus_get_events(bus_.get()));
    auto most = kRetry;
    uint64_t until_us = UINT64_MAX;
    if (sd_bus_get_timeout(bus_.get(), &until_us) > 0) {
      // The bus counts CLOCK_MONOTONIC, as the clock does.
      const std::chrono::microseconds left =
          std::chrono::microseconds(until_us) -
          std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch());
      most = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(left),
                        std::chrono::milliseconds(0), kRetry);
    }
    poll(ready.data(), ready.size(), static_cast<int>(most.count()));
  }

  void report(const std::vector<EngineEvent>& events) const {
    for (const EngineEvent& event : events) settings_.listener(event);
  }

  const RaucSettings settings_;
  const UniqueFd stop_;  // an eventfd
  std::atomic<bool> connected_ = false;
  // State below belongs to the thread.
  Bus bus_;
  RaucWords words_;
  bool complained_ = false;
  std::jthread thread_;  // last: joined before anything else goes
};

}  // namespace

Result<std::unique_ptr<RaucAdapter>> RaucAdapter::start(RaucSettings settings) {
  UniqueFd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop) return fail_errno(errno, "rauc: eventfd");
  return std::make_unique<Adapter>(std::move(settings), std::move(stop));
}

}  // namespace kernel_exporter

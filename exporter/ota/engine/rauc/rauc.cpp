// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/rauc/rauc.h"

#include "ota/engine/dbus/dbus_client.h"
#include "ota/engine/dbus/dbus_message.h"
#include "ota/engine/rauc/rauc_bundle.h"
#include "ota/engine/rauc/rauc_message.h"
#include "ota/engine/rauc/rauc_words.h"

namespace kernel_exporter {
namespace {

constexpr char kEngine[] = "rauc";
constexpr char kInstaller[] = "de.pengutronix.rauc.Installer";
constexpr char kProperties[] = "org.freedesktop.DBus.Properties";

class Adapter : public EngineAdapter {
 public:
  Adapter(const RaucConfig& config, EngineHost host)
      : host_(std::move(host)), client_(service(config)) {}
  Result<void> start() { return client_.start(); }

  std::optional<AdapterStatus> status() const override {
    return {{kEngine, client_.connected(), {}}};
  }

 private:
  using Answer = Result<sd_bus_message*>;

  DbusService service(const RaucConfig& config) {
    DbusService service;
    service.follower = kEngine;
    service.bus = config.bus;
    service.name = "de.pengutronix.rauc";
    service.signals = {
        {"/", kProperties, "PropertiesChanged",
         [this](sd_bus_message* signal) { properties_changed(signal); }},
        {"/", kInstaller, "Completed", [this](sd_bus_message* signal) { completed(signal); }}};
    service.appeared = [this](pid_t process) { appeared(process); };
    service.gone = [this] { report(words_.gone()); };
    // RAUC announces to nobody that a slot is marked as good.
    service.tick = [this] {
      if (host_.confirming(kEngine)) ask_for_slots(true);
    };
    return service;
  }

  // What the service is at, for an installation that began before we came.
  void appeared(pid_t process) {
    words_.set_service(process);
    ask_for_slots(false);
    client_.call(
        {"/", kProperties, "GetAll", false,
         [](sd_bus_message* call) { return sd_bus_message_append(call, "s", kInstaller); }},
        [this](const Answer& answer) { properties_known(answer); });
  }

  void ask_for_slots(bool may_start_service) {
    client_.call({"/", kInstaller, "GetSlotStatus", may_start_service},
                 [this](const Answer& answer) { slots_known(answer); });
  }

  void slots_known(const Answer& answer) {
    if (answer) {
      words_.set_slots(read_slots(*answer));
      report(words_.booted());
    }
    report(words_.installed());
  }

  void properties_known(const Answer& answer) {
    if (!answer) return;
    const RaucProperties properties = read_properties(*answer);
    words_.last_error(properties.last_error);
    hear(properties);
    if (properties.operation != "idle") return;
    client_.call({"/", kInstaller, "GetPrimary"},
                 [this, begun = words_.begun()](const Answer& primary) {
                   // An installation that began since then has not ended.
                   if (words_.begun() == begun) primary_known(primary);
                 });
  }

  void primary_known(const Answer& answer) {
    if (answer) report(words_.ended_unseen(words_.is_standby(read_text(*answer))));
  }

  void properties_changed(sd_bus_message* signal) {
    if (read_text(signal) == kInstaller) hear(read_properties(signal));
  }

  void hear(const RaucProperties& properties) {
    if (properties.has_last_error) words_.last_error(properties.last_error);
    if (properties.has_operation) report(words_.operation(properties.operation));
    if (properties.percentage >= 0) {
      if (words_.wants_version()) {
        words_.set_version(mounted_bundle_version(host_.paths, words_.service()));
      }
      report(words_.progress(properties.percentage, properties.progress));
    }
  }

  void completed(sd_bus_message* signal) {
    int32_t result = -1;
    if (sd_bus_message_read(signal, "i", &result) <= 0) return;
    report(words_.completed(result));
    ask_for_slots(false);
  }

  void report(const std::vector<EngineEvent>& events) const {
    for (const EngineEvent& event : events) host_.listener(event);
  }

  const EngineHost host_;
  RaucWords words_;    // belongs to the client's thread
  DbusClient client_;  // last: its thread uses the others
};

}  // namespace

Result<std::unique_ptr<EngineAdapter>> start_rauc_adapter(const RaucConfig& config,
                                                          EngineHost host) {
  auto adapter = std::make_unique<Adapter>(config, std::move(host));
  const auto started = adapter->start();
  if (!started) return fail(started.error().message);
  return adapter;
}

}  // namespace kernel_exporter

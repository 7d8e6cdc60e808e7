// SPDX-License-Identifier: Apache-2.0
#include "fake_rauc.h"

namespace kernel_exporter {
namespace {

constexpr char kInstaller[] = "de.pengutronix.rauc.Installer";

void append_entry(sd_bus_message* reply, const char* key, const std::string& value) {
  sd_bus_message_append(reply, "{sv}", key, "s", value.c_str());
}

}  // namespace

const sd_bus_vtable FakeRauc::kTable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("GetSlotStatus", "", "a(sa{sv})", &FakeRauc::get_slots,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("GetPrimary", "", "s", &FakeRauc::get_primary, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("Operation", "s", &FakeRauc::get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("LastError", "s", &FakeRauc::get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Progress", "(isi)", &FakeRauc::get_progress, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_SIGNAL("Completed", "i", 0),
    SD_BUS_VTABLE_END};

FakeRauc::FakeRauc(const std::string& address) : bus_(connect_to_bus(address)) {
  EXPECT_GE(sd_bus_add_object_vtable(bus_, nullptr, "/", kInstaller, kTable, this), 0);
}

void FakeRauc::appear() { EXPECT_GE(sd_bus_request_name(bus_, "de.pengutronix.rauc", 0), 0); }

void FakeRauc::serve(int milliseconds) {
  if (sd_bus_process(bus_, nullptr) == 0) {
    sd_bus_wait(bus_, static_cast<uint64_t>(milliseconds) * 1000);
  }
}

FakeRauc::~FakeRauc() { sd_bus_close_unref(bus_); }

void FakeRauc::signal(const char* property) {
  EXPECT_GE(sd_bus_emit_properties_changed(bus_, "/", kInstaller, property, nullptr), 0);
  sd_bus_flush(bus_);
}

void FakeRauc::set_operation(const std::string& text) {
  operation = text;
  signal("Operation");
}

void FakeRauc::set_last_error(const std::string& error) {
  last_error = error;
  signal("LastError");
}

void FakeRauc::set_progress(int percent, const std::string& text) {
  percentage = percent;
  message = text;
  signal("Progress");
}

void FakeRauc::complete(int result) {
  EXPECT_GE(sd_bus_emit_signal(bus_, "/", kInstaller, "Completed", "i", result), 0);
  sd_bus_flush(bus_);
}

void FakeRauc::send_nonsense() {
  sd_bus_emit_signal(bus_, "/", kInstaller, "Completed", "s", "done");
  sd_bus_emit_signal(bus_, "/", kInstaller, "Completed", "");
  const char* properties = "org.freedesktop.DBus.Properties";
  sd_bus_emit_signal(bus_, "/", properties, "PropertiesChanged", "i", 1);
  sd_bus_emit_signal(bus_, "/", properties, "PropertiesChanged", "sa{sv}as", kInstaller, 3,
                     "Operation", "i", 1, "Progress", "s", "all", "LastError", "as", 0, 0);
  sd_bus_emit_signal(bus_, "/", properties, "PropertiesChanged", "sa{sv}as", "other.Interface", 1,
                     "Operation", "s", "installing", 0);
  sd_bus_flush(bus_);
}

int FakeRauc::get_slots(sd_bus_message* call, void* self, sd_bus_error*) {
  auto& rauc = *static_cast<FakeRauc*>(self);
  ++rauc.slots_asked;
  sd_bus_message* reply = nullptr;
  sd_bus_message_new_method_return(call, &reply);
  sd_bus_message_open_container(reply, 'a', "(sa{sv})");
  for (const RaucSlot& slot : rauc.slots) {
    sd_bus_message_open_container(reply, 'r', "sa{sv}");
    sd_bus_message_append(reply, "s", slot.name.c_str());
    sd_bus_message_open_container(reply, 'a', "{sv}");
    sd_bus_message_append(reply, "{sv}", "installed.count", "u", 1);
    append_entry(reply, "device", slot.device);
    append_entry(reply, "state", slot.state);
    append_entry(reply, "boot-status", slot.boot_status);
    append_entry(reply, "bundle.version", slot.version);
    append_entry(reply, "installed.timestamp", slot.installed);
    sd_bus_message_close_container(reply);
    sd_bus_message_close_container(reply);
  }
  sd_bus_message_close_container(reply);
  const int sent = sd_bus_send(nullptr, reply, nullptr);
  sd_bus_message_unref(reply);
  return sent;
}

int FakeRauc::get_primary(sd_bus_message* call, void* self, sd_bus_error*) {
  FakeRauc& rauc = *static_cast<FakeRauc*>(self);
  if (rauc.before_primary) rauc.before_primary();
  return sd_bus_reply_method_return(call, "s", rauc.primary.c_str());
}

int FakeRauc::get_text(sd_bus*, const char*, const char*, const char* property,
                       sd_bus_message* reply, void* self, sd_bus_error*) {
  const auto& rauc = *static_cast<FakeRauc*>(self);
  const bool is_operation = std::string_view(property) == "Operation";
  return sd_bus_message_append(reply, "s",
                               (is_operation ? rauc.operation : rauc.last_error).c_str());
}

int FakeRauc::get_progress(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply,
                           void* self, sd_bus_error*) {
  const auto& rauc = *static_cast<FakeRauc*>(self);
  return sd_bus_message_append(reply, "(isi)", rauc.percentage, rauc.message.c_str(), 1);
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/rauc/rauc_message.h"

#include "ota/engine/dbus/dbus_message.h"

namespace kernel_exporter {
namespace {

std::string* member_of(RaucSlot& slot, std::string_view key) {
  if (key == "device") return &slot.device;
  if (key == "state") return &slot.state;
  if (key == "boot-status") return &slot.boot_status;
  if (key == "bundle.version") return &slot.version;
  if (key == "installed.timestamp") return &slot.installed;
  return nullptr;
}

void read_progress(sd_bus_message* message, RaucProperties& properties) {
  if (sd_bus_message_enter_container(message, 'v', "(isi)") <= 0) {
    sd_bus_message_skip(message, "v");
    return;
  }
  int percentage = -1;
  int depth = 0;
  const char* text = nullptr;
  if (sd_bus_message_read(message, "(isi)", &percentage, &text, &depth) > 0) {
    properties.percentage = percentage;
    properties.progress = text;
  }
  sd_bus_message_exit_container(message);
}

}  // namespace

std::vector<RaucSlot> read_slots(sd_bus_message* message) {
  std::vector<RaucSlot> slots;
  if (sd_bus_message_enter_container(message, 'a', "(sa{sv})") <= 0) return slots;
  while (sd_bus_message_enter_container(message, 'r', "sa{sv}") > 0) {
    RaucSlot slot;
    slot.name = read_text(message);
    each_variant(message, [&](const std::string& key) {
      std::string* member = member_of(slot, key);
      std::string other;
      read_variant_text(message, member ? *member : other);
    });
    slots.push_back(std::move(slot));
    sd_bus_message_exit_container(message);
  }
  sd_bus_message_exit_container(message);
  return slots;
}

RaucProperties read_properties(sd_bus_message* message) {
  RaucProperties properties;
  each_variant(message, [&](const std::string& key) {
    std::string other;
    if (key == "Progress") {
      read_progress(message, properties);
    } else if (key == "Operation") {
      properties.has_operation = read_variant_text(message, properties.operation);
    } else if (key == "LastError") {
      properties.has_last_error = read_variant_text(message, properties.last_error);
    } else {
      read_variant_text(message, other);
    }
  });
  return properties;
}

}  // namespace kernel_exporter

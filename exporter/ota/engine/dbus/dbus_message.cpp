// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/dbus/dbus_message.h"

namespace kernel_exporter {

std::string read_text(sd_bus_message* message) {
  const char* text = nullptr;
  const bool read = sd_bus_message_read(message, "s", &text) > 0 && text != nullptr;
  return read ? text : "";
}

bool read_variant_text(sd_bus_message* message, std::string& text) {
  if (sd_bus_message_enter_container(message, 'v', "s") <= 0) {
    sd_bus_message_skip(message, "v");
    return false;
  }
  text = read_text(message);
  sd_bus_message_exit_container(message);
  return true;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <systemd/sd-bus.h>

#include <string>

namespace kernel_exporter {

// Reads messages that may be of another shape than expected: then the result is empty.

// "" when the next value is no string.
std::string read_text(sd_bus_message* message);

// The next value is a variant, which is skipped when it holds no string. Whether it held one.
bool read_variant_text(sd_bus_message* message, std::string& text);

// Calls `each` with the key of every entry of an a{sv}; it must read or skip the variant.
template <typename Each>
void each_variant(sd_bus_message* message, Each each) {
  if (sd_bus_message_enter_container(message, 'a', "{sv}") <= 0) return;
  while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
    each(read_text(message));
    sd_bus_message_exit_container(message);
  }
  sd_bus_message_exit_container(message);
}

}  // namespace kernel_exporter

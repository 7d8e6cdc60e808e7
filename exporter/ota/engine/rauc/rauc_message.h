// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <systemd/sd-bus.h>

#include <string>
#include <vector>

#include "ota/engine/rauc/rauc_words.h"

namespace kernel_exporter {

// What RAUC's D-Bus messages hold. A message of another shape gives what could be read of it.

// The answer of GetSlotStatus, a(sa{sv}).
std::vector<RaucSlot> read_slots(sd_bus_message* message);

struct RaucProperties {
  bool has_operation = false;
  std::string operation;
  bool has_last_error = false;
  std::string last_error;
  int percentage = -1;  // -1: no Progress
  std::string progress;
};

// a{sv}, of PropertiesChanged and GetAll.
RaucProperties read_properties(sd_bus_message* message);

}  // namespace kernel_exporter

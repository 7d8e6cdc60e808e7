// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "ota/engine/engine_type.h"

namespace kernel_exporter {

struct RaucConfig {
  std::string bus;  // a D-Bus address; "": the system bus (DBUS_SYSTEM_BUS_ADDRESS is honoured)
};

// Follows RAUC over D-Bus. While an update waits to be confirmed, and only then, RAUC is asked
// every 2 s, and started for it where D-Bus may, which slot is marked as good.
[[nodiscard]] Result<std::unique_ptr<EngineAdapter>> start_rauc_adapter(const RaucConfig& config,
                                                                        EngineHost host);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "host/paths.h"
#include "ota/engine/engine.h"

namespace kernel_exporter {

struct RaucSettings {
  std::string bus;  // "": the system bus (DBUS_SYSTEM_BUS_ADDRESS is honoured)
  EngineListener listener;
  // Whether an update waits to be confirmed: RAUC tells nobody when a slot is marked as good, so
  // that it is asked every other second, and only then; only then it is started for it, too.
  std::function<bool()> confirming;
  HostPaths paths = {};
};

// Follows RAUC over D-Bus. Bus and service may be absent, start later, crash or hang: nothing waits
// for an answer, and a bus that is away is tried again every other second. Runs a thread of its own
// from start to destruction.
class RaucAdapter {
 public:
  [[nodiscard]] static Result<std::unique_ptr<RaucAdapter>> start(RaucSettings settings);
  virtual ~RaucAdapter() = default;

  // The service is on the bus. Any thread.
  virtual bool connected() const = 0;
};

}  // namespace kernel_exporter

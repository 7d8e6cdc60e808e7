// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "host/paths.h"

namespace kernel_exporter {

// One instant on the two clocks that OTA needs: CLOCK_BOOTTIME for durations (goes on in suspend,
// starts at 0 with each boot) and the wall clock for people.
struct OtaMoment {
  int64_t boottime_ns = 0;
  int64_t wall_ms = 0;  // since the epoch
};

using OtaClock = std::function<OtaMoment()>;

OtaMoment ota_now();

// The kernel's name of this boot, a UUID.
[[nodiscard]] Result<std::string> read_boot_id(const HostPaths& paths);

}  // namespace kernel_exporter

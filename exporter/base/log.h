// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

#include "base/error.h"

namespace kernel_exporter {

// Logs go to stderr, one printable line an event whatever it names, `LEVEL message`; the service
// manager adds the time.
// Log with spdlog::info(...) and its siblings, from any thread.
// Level: debug, info, warning, error.
[[nodiscard]] Result<void> start_logging(std::string_view level);

}  // namespace kernel_exporter

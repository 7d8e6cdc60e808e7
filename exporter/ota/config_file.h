// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.h"
#include "ota/engine/engine_type.h"
#include "ota/tracker/config.h"

namespace kernel_exporter {

// The file behind `serve --ota.config`.
struct OtaConfigFile {
  OtaConfig config;
  std::vector<EngineSettings> adapters;  // those whose key is there
};

// Adds to `diagnostics` everything that is wrong; the result is meaningful only while none was
// added.
OtaConfigFile parse_ota_config(const std::string& path, std::string_view text,
                               Diagnostics& diagnostics);
OtaConfigFile read_ota_config(const std::string& path, Diagnostics& diagnostics);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "ota/engine/engine_type.h"

namespace kernel_exporter {

// Every engine that can be followed without its help, in the order in which they are started. A new
// one is added here.
std::vector<EngineType> engine_types();

}  // namespace kernel_exporter

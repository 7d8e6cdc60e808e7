// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ota/engine/engine_type.h"
#include "ota/engine/rauc/rauc.h"

namespace kernel_exporter {

EngineType rauc_engine();

// What stands behind the key `rauc` of `adapters`.
RaucConfig parse_rauc_config(const YAML::Node& node, const YamlSection& adapters);

}  // namespace kernel_exporter

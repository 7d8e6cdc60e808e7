// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ota/engine/engine_type.h"
#include "ota/engine/swupdate/swupdate.h"

namespace kernel_exporter {

EngineType swupdate_engine();

// What stands behind the key `swupdate` of `adapters`.
SwupdateConfig parse_swupdate_config(const YAML::Node& node, const YamlSection& adapters);

}  // namespace kernel_exporter

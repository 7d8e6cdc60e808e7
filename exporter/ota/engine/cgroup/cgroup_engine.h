// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "ota/engine/cgroup/cgroup_adapter.h"
#include "ota/engine/engine_type.h"

namespace kernel_exporter {

EngineType cgroup_engine();

// What stands behind the key `cgroup` of `adapters`: a list.
std::vector<CgroupEngine> parse_cgroup_config(const YAML::Node& node, const YamlSection& adapters);

}  // namespace kernel_exporter

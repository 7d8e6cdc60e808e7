// SPDX-License-Identifier: Apache-2.0
#include "ota/engines.h"

#include "ota/engine/cgroup/cgroup_engine.h"
#include "ota/engine/rauc/rauc_engine.h"
#include "ota/engine/swupdate/swupdate_engine.h"

namespace kernel_exporter {

std::vector<EngineType> engine_types() {
  return {rauc_engine(), swupdate_engine(), cgroup_engine()};
}

}  // namespace kernel_exporter

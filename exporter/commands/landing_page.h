// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "probe/object.h"

namespace kernel_exporter {

// The page at `/`: what is attached and where to look, as HTML without scripts.
std::string landing_page(const std::vector<ProgramStatus>& programs);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace kernel_exporter {

// RFC 1952 at level 1: 0.7 ms where level 6 took 1.9 ms for a full exposition, 20 us for that of
// the default rules.
[[nodiscard]] Result<std::string> gzip(std::string_view data);

}  // namespace kernel_exporter

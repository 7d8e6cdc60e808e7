// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace kernel_exporter {

// What the function returned in a process of its own, 0 to 254; 255 when that process died. What it
// gives up is given up there only.
int in_child(const std::function<int()>& function);

}  // namespace kernel_exporter

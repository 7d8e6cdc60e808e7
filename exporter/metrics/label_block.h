// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kernel_exporter {

// Appends `name="value"` to a label block, after a comma if the block is not empty. The value must
// be valid UTF-8; backslash, newline and quote are escaped as text 0.0.4 and OpenMetrics both want.
void append_label(std::string& block, std::string_view name, std::string_view value);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kernel_exporter {

// Appends the text with a backslash before each character of `escaped`; a newline becomes \n.
void append_escaped(std::string& out, std::string_view text, std::string_view escaped);

}  // namespace kernel_exporter

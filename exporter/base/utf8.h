// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kernel_exporter {

// The text with every byte that is not part of valid UTF-8 (overlong forms, surrogates and code
// points beyond U+10FFFF included) replaced by U+FFFD.
std::string to_valid_utf8(std::string_view text);

// The text as one line that a terminal can show: valid UTF-8, a line feed as \n and every other
// control character as \xNN.
std::string printable(std::string_view text);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace kernel_exporter {

constexpr std::string_view kBlanks = " \t\r\n";

// Without the blanks at both ends.
std::string_view trimmed(std::string_view text, std::string_view blanks = kBlanks);

// The parts between blanks; none is empty.
std::vector<std::string_view> words_of(std::string_view text, std::string_view blanks = kBlanks);

}  // namespace kernel_exporter

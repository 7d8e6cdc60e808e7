// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kernel_exporter {

// The helpers of the kernel tests throw what the kernel refuses, with the culprit; GoogleTest makes
// a failure of it.
[[noreturn]] void give_up(const std::string& what);          // with errno's text
[[noreturn]] void give_up_plainly(const std::string& what);  // without

// Returns `result` of a system call, or gives up if it is negative.
int checked(int result, const std::string& what);

std::string read_text(const std::string& path);  // gives up
void write_text(const std::string& path, std::string_view text);
std::vector<std::string> words(std::string_view text);  // separated by white space
std::vector<std::string> lines(std::string_view text);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/yaml_section.h"

namespace kernel_exporter {

// Values that several files have. Each takes its key, gives `otherwise` when that is absent, and
// adds a diagnostic at the line of a value that is wrong.

// The absolute path of a file.
std::string file_path(YamlSection& section, std::string_view key, std::string otherwise);
// One that fits into sockaddr_un.
std::string socket_path(YamlSection& section, std::string_view key, std::string otherwise);
// "90s", "2h", "10ms" in nanoseconds.
int64_t duration_ns(YamlSection& section, std::string_view key, int64_t otherwise);
uint64_t number_between(YamlSection& section, std::string_view key, uint64_t otherwise,
                        uint64_t least, uint64_t most);

}  // namespace kernel_exporter

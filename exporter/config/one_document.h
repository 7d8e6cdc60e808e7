// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

namespace kernel_exporter {

// The one document of a YAML text; a null node when there is none. Throws what yaml-cpp throws,
// also when a second document follows,
// or when it has more than 50000 values or 4 MiB of text, with aliases expanded.
YAML::Node load_one_document(const std::string& text);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "rules/model.h"

namespace kernel_exporter {

// Reads the text of one rule file. Adds to `diagnostics` everything that is wrong with it by
// itself: YAML errors, unknown or missing keys, wrong types, units, names; text that is binary (a
// NUL byte), no UTF-8 or over 1 MiB. The result is meaningful only while no diagnostic was added.
RuleFile parse_rules(const std::string& path, std::string_view text, Diagnostics& diagnostics);

// Reads the file and parses it. What cannot be read is a diagnostic.
RuleFile read_rules(const std::string& path, Diagnostics& diagnostics);

}  // namespace kernel_exporter

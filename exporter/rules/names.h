// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/units.h"
#include "rules/family_header.h"

namespace kernel_exporter {

// At most 15 lower-case letters, digits and underscores: the longest name that the kernel keeps for
// a map or program (BPF_OBJ_NAME_LEN, include/uapi/linux/bpf.h).
bool is_probe_name(std::string_view name);

// Prometheus label names, without those reserved for the formats.
bool is_label_name(std::string_view name);

// What is wrong with a metric's name for its type and unit, by Prometheus' naming conventions:
// counters end in _total, base unit before it, no suffix that a format adds by itself, none of the
// exporter's own families (kernel_exporter_*, process_*), which no format may have twice.
std::optional<std::string> metric_name_problem(std::string_view name, MetricType type,
                                               const Unit& unit);

}  // namespace kernel_exporter

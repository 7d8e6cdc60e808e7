// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "metrics/labels.h"

namespace kernel_exporter {

// The labels as text 0.0.4 and OpenMetrics both want them, `name="value",...` without braces;
// backslash, newline and quote of a value are escaped. A LabelEncoder.
void append_label_text(std::span<const Label> labels, std::string& out);

}  // namespace kernel_exporter

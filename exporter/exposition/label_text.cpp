// SPDX-License-Identifier: Apache-2.0
#include "exposition/label_text.h"

#include "exposition/escape.h"

namespace kernel_exporter {

void append_label_text(std::span<const Label> labels, std::string& out) {
  bool first = true;
  for (const Label& label : labels) {
    if (!first) out += ',';
    first = false;
    out.append(label.name).append("=\"");
    append_escaped(out, label.value, "\\\n\"");
    out += '"';
  }
}

}  // namespace kernel_exporter

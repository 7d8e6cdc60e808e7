// SPDX-License-Identifier: Apache-2.0
#include "metrics/label_block.h"

namespace kernel_exporter {

void append_label(std::string& block, std::string_view name, std::string_view value) {
  if (!block.empty()) block += ',';
  block += name;
  block += "=\"";
  for (size_t special; (special = value.find_first_of("\\\n\"")) != std::string_view::npos;) {
    block += value.substr(0, special);
    block += '\\';
    block += value[special] == '\n' ? 'n' : value[special];
    value.remove_prefix(special + 1);
  }
  block += value;
  block += '"';
}

}  // namespace kernel_exporter

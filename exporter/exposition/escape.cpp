// SPDX-License-Identifier: Apache-2.0
#include "exposition/escape.h"

namespace kernel_exporter {

void append_escaped(std::string& out, std::string_view text, std::string_view escaped) {
  for (size_t special; (special = text.find_first_of(escaped)) != std::string_view::npos;) {
    out.append(text.substr(0, special)) += '\\';
    out += text[special] == '\n' ? 'n' : text[special];
    text.remove_prefix(special + 1);
  }
  out.append(text);
}

}  // namespace kernel_exporter

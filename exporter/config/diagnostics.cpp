// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostics.h"

#include "base/utf8.h"

namespace kernel_exporter {

std::string Position::text() const { return line > 0 ? file + ":" + std::to_string(line) : file; }

void Diagnostics::add(const Position& position, std::string_view message) {
  messages_.push_back(printable(position.text() + ": " + std::string(message)));
}

void Diagnostics::append(const Diagnostics& other) {
  messages_.insert(messages_.end(), other.messages_.begin(), other.messages_.end());
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kernel_exporter {

// Where a rule stands in its file; line 0: the file as a whole.
struct Position {
  std::string file;
  int line = 0;

  std::string text() const;  // "file:line" or "file"
};

// Everything that is wrong with a rule file, in the order found: "file:line: what, where, what was
// expected". One line each: control characters are shown as \n or \x1b. Collected, not stopped at
// the first, so that one `check` shows all.
class Diagnostics {
 public:
  void add(const Position& position, std::string_view message);
  void append(const Diagnostics& other);
  bool empty() const { return messages_.empty(); }
  const std::vector<std::string>& messages() const { return messages_; }

 private:
  std::vector<std::string> messages_;
};

// `"a", "b", "c"` for messages that list what was expected.
template <typename Range>
std::string quoted_list(const Range& names) {
  std::string list;
  for (const auto& name : names) {
    if (!list.empty()) list += ", ";
    list += '"';
    list += name;
    list += '"';
  }
  return list;
}

}  // namespace kernel_exporter

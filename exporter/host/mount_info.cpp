// SPDX-License-Identifier: Apache-2.0
#include "host/mount_info.h"

#include <algorithm>

#include "base/text.h"

namespace kernel_exporter {
namespace {

bool is_octal(std::string_view digits) {
  return digits.size() == 3 && digits.find_first_not_of("01234567") == std::string_view::npos;
}

// Space, tab, newline and backslash are written as three octal digits.
std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view digits = text.substr(i + 1, 3);
    if (text[i] != '\\' || !is_octal(digits)) {
      out += text[i];
      continue;
    }
    out += static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + digits[2] - '0');
    i += digits.size();
  }
  return out;
}

}  // namespace

// "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw": the number of optional
// fields before the lone hyphen varies.
std::vector<Mount> parse_mount_info(std::string_view text) {
  constexpr size_t kRoot = 3, kPoint = 4, kOptional = 6;
  std::vector<Mount> mounts;
  for (const std::string_view line : words_of(text, "\n")) {
    const auto fields = words_of(line);
    if (fields.size() <= kOptional) continue;
    const auto hyphen = std::find(fields.begin() + kOptional, fields.end(), "-");
    if (fields.end() - hyphen < 2) continue;
    mounts.push_back({unescaped(fields[kRoot]), unescaped(fields[kPoint]), std::string(hyphen[1])});
  }
  return mounts;
}

}  // namespace kernel_exporter

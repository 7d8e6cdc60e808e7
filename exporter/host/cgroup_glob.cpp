// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup_glob.h"

#include <fnmatch.h>

#include <string>
#include <vector>

namespace kernel_exporter {
namespace {

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace

bool cgroup_glob_matches(std::string_view glob, std::string_view path) {
  std::vector<std::string> pattern = split(glob);
  const std::vector<std::string> parts = split(path);
  if (pattern.back() == "**") pattern.emplace_back("*");

  // Only the last "**" ever needs another try, so the effort is bounded by the product of the
  // sizes.
  constexpr size_t kNone = static_cast<size_t>(-1);
  size_t p = 0, s = 0, retry_pattern = kNone, retry_part = 0;
  while (s < parts.size()) {
    if (p < pattern.size() && pattern[p] == "**") {
      retry_pattern = ++p;
      retry_part = s;
    } else if (p < pattern.size() && ::fnmatch(pattern[p].c_str(), parts[s].c_str(), 0) == 0) {
      ++p;
      ++s;
    } else if (retry_pattern != kNone) {
      p = retry_pattern;
      s = ++retry_part;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == "**") ++p;
  return p == pattern.size();
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "base/number.h"

#include <charconv>
#include <cmath>

namespace kernel_exporter {
namespace {

// Below it every whole double is exact and has at most 15 digits.
constexpr double kWholeLimit = 1e15;
// Longest shortest-form double: "-2.2250738585072014e-308"; fixed notation is used below 1e16 only.
constexpr size_t kNumberSize = 32;

bool append_special(std::string& out, double number) {
  if (std::isfinite(number)) return false;
  if (std::isnan(number)) {
    out += "NaN";
  } else {
    out += number > 0 ? "+Inf" : "-Inf";
  }
  return true;
}

}  // namespace

void append_number(std::string& out, uint64_t number) {
  char buffer[kNumberSize];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  out.append(buffer, end);
}

void append_number(std::string& out, double number) {
  if (append_special(out, number)) return;
  char buffer[kNumberSize];
  // Converting to an integer and back costs a tenth of the shortest-form search, and most samples
  // are whole. Minus zero is left to the general path, which keeps its sign.
  const bool small = std::abs(number) < kWholeLimit;
  const auto whole = small ? static_cast<int64_t>(number) : 0;
  const bool is_whole =
      small && static_cast<double>(whole) == number && !(whole == 0 && std::signbit(number));
  const auto end = is_whole ? std::to_chars(buffer, buffer + sizeof buffer, whole).ptr
                            : std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  out.append(buffer, end);
}

std::string canonical_bound(double bound) {
  std::string out;
  if (append_special(out, bound)) return out;
  constexpr double kFixedFrom = 1e-4;
  constexpr double kFixedBelow = 1e16;
  const double magnitude = std::abs(bound);
  const bool fixed = magnitude == 0 || (magnitude >= kFixedFrom && magnitude < kFixedBelow);
  char buffer[kNumberSize];
  const auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, bound, format).ptr);
  if (fixed && out.find('.') == std::string::npos) out += ".0";
  return out;
}

}  // namespace kernel_exporter

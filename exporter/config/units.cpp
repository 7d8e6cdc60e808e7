// SPDX-License-Identifier: Apache-2.0
#include "config/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "config/diagnostics.h"

namespace kernel_exporter {
namespace {

constexpr uint64_t kNano = 1'000'000'000;

const std::array<Unit, 9>& units() {
  static const std::array<Unit, 9> table = {{
      {"nanoseconds", "seconds", 1, kNano},
      {"microseconds", "seconds", 1, 1'000'000},
      {"milliseconds", "seconds", 1, 1000},
      {"seconds", "seconds", 1, 1},
      {"bytes", "bytes", 1, 1},
      {"kibibytes", "bytes", 1024, 1},
      {"sectors", "bytes", 512, 1},
      {"percent", "ratio", 1, 100},
      {"none", "", 1, 1},
  }};
  return table;
}

// One of the suffix is numerator / denominator base units.
struct Suffix {
  std::string_view text;
  std::string_view base;
  uint64_t numerator;
  uint64_t denominator;
};

constexpr std::array kSuffixes = {
    Suffix{"ns", "seconds", 1, kNano},
    Suffix{"us", "seconds", 1, 1'000'000},
    Suffix{"ms", "seconds", 1, 1000},
    Suffix{"s", "seconds", 1, 1},
    Suffix{"m", "seconds", 60, 1},
    Suffix{"h", "seconds", 3600, 1},
    Suffix{"B", "bytes", 1, 1},
    Suffix{"KiB", "bytes", 1ull << 10, 1},
    Suffix{"MiB", "bytes", 1ull << 20, 1},
    Suffix{"GiB", "bytes", 1ull << 30, 1},
};

struct Quantity {
  long double number;
  std::string_view suffix;
};

Result<Quantity> split(std::string_view text) {
  const size_t end = text.find_first_not_of("0123456789.");
  const std::string digits(text.substr(0, end));
  char* stop = nullptr;
  const long double number = std::strtold(digits.c_str(), &stop);
  if (digits.empty() || stop != digits.c_str() + digits.size()) {
    return fail("\"" + std::string(text) + "\" is not a quantity, expected one such as \"10us\"");
  }
  return Quantity{number, end == std::string_view::npos ? "" : text.substr(end)};
}

Result<Suffix> find_suffix(std::string_view text, std::string_view quantity, const Unit& unit) {
  if (text.empty() && unit.base != "seconds") {
    return Suffix{"", unit.base, unit.numerator, unit.denominator};
  }
  for (const Suffix& suffix : kSuffixes) {
    if (suffix.text == text && suffix.base == unit.base) return suffix;
  }
  const std::string expected = unit.base == "seconds" ? "a time with ns, us, ms, s, m or h"
                               : unit.base == "bytes" ? "bytes, with B, KiB, MiB, GiB or no suffix"
                                                      : "a plain number";
  return fail("\"" + std::string(quantity) + "\" does not fit unit " + unit.name + ", expected " +
              expected);
}

}  // namespace

Result<Unit> find_unit(std::string_view name) {
  std::vector<std::string> names;
  for (const Unit& unit : units()) {
    if (unit.name == name) return unit;
    names.push_back(unit.name);
  }
  return fail("unknown unit \"" + std::string(name) + "\", expected one of " + quoted_list(names));
}

Result<uint64_t> parse_quantity(std::string_view text, const Unit& unit) {
  const auto quantity = split(text);
  if (!quantity) return fail(quantity.error().message);
  const auto suffix = find_suffix(quantity->suffix, text, unit);
  if (!suffix) return fail(suffix.error().message);
  const long double value = quantity->number * suffix->numerator * unit.denominator /
                            suffix->denominator / unit.numerator;
  const long double whole = std::round(value);
  // A few roundings of a 64-bit mantissa.
  if (std::fabs(value - whole) > 1e-18L * (whole + 1)) {
    return fail("\"" + std::string(text) + "\" is not a whole number of " + unit.name);
  }
  if (whole >= 0x1p63L) return fail("\"" + std::string(text) + "\" is too large");
  return static_cast<uint64_t>(whole);
}

Result<uint64_t> parse_bytes(std::string_view text) {
  static const Unit bytes = *find_unit("bytes");
  return parse_quantity(text, bytes);
}

}  // namespace kernel_exporter

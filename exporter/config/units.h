// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kernel_exporter {

// What a map holds, and the base unit it is exported in.
struct Unit {
  std::string name = "none";
  std::string base;  // "seconds", "bytes", "ratio" or "": what the metric's name must say
  // One unit of the map is numerator / denominator base units.
  uint64_t numerator = 1;
  uint64_t denominator = 1;

  bool is_base() const { return numerator == 1 && denominator == 1; }
  // Divides rather than multiply by an inexact 1e-9, so that 10,000 ns come out as 1e-05.
  double to_base(double number) const {
    return number * static_cast<double>(numerator) / static_cast<double>(denominator);
  }
  bool operator==(const Unit&) const = default;
};

// nanoseconds, microseconds, milliseconds, seconds, bytes, kibibytes, sectors (512 bytes), percent,
// none.
[[nodiscard]] Result<Unit> find_unit(std::string_view name);

// A quantity such as "10us", "1.5ms", "4KiB", "250" as a whole number of the map's units. Refused:
// a suffix of another dimension, a value that is no whole number of the map's unit, or negative.
// Times need a suffix (ns, us, ms, s, m, h), so that nobody guesses.
[[nodiscard]] Result<uint64_t> parse_quantity(std::string_view text, const Unit& unit);

// "16MiB", "4096" as bytes.
[[nodiscard]] Result<uint64_t> parse_bytes(std::string_view text);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace kernel_exporter {

// A label on its way from key bytes to text: what one decoder hands to the next.
struct Value {
  std::string text;               // the bytes of a char array up to its NUL; decimal for integers
  std::optional<int64_t> number;  // set while the value still is an integer (unsigned 64-bit
                                  // values above 2^63 are held as their two's complement)
  std::string bytes;              // the field's raw bytes, always as the kernel laid them out
  bool cacheable = true;          // false: may decode to something else later (a name that could
                                  // not be resolved now, or one that can change); decoded again
                                  // at the next scrape
};

}  // namespace kernel_exporter

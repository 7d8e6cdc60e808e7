// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace kernel_exporter {

// Shortest digits that read back as the same double, whole numbers below 1e15 without an exponent;
// "+Inf", "-Inf", "NaN".
void append_number(std::string& out, double number);
void append_number(std::string& out, uint64_t number);

// The one form of a bucket bound in every format, as Python and Go's OpenMetrics writers print it:
// always with a fraction or an exponent, the exponent from 1e-05 down and 1e+16 up: "1.0",
// "0.0001", "1e-05", "1e+16".
std::string canonical_bound(double bound);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "rules/family_header.h"
#include "rules/model.h"

namespace kernel_exporter {

// The upper bounds of a histogram in the map's own unit, ascending and inclusive; what lies beyond
// the last one has one more slot. `config` is struct histogram_buckets (bpf/histogram.h), by which
// the program in the kernel sorts.
struct Buckets {
  BucketKind kind = BucketKind::kListed;
  std::vector<uint64_t> bounds;
  std::vector<std::byte> config;

  bool operator==(const Buckets&) const = default;
};

// Refused: bounds that do not ascend, none at all in a linear or exponential rule, more than fit a
// struct histogram, quantities that do not fit the unit, bounds that read the same once exported.
[[nodiscard]] Result<Buckets> make_buckets(const BucketRule& rule, const Unit& unit);

// The config of a histogram of which nobody wants more than sum and count.
std::vector<std::byte> no_buckets();

// The buckets as they are exported, in the unit's base unit.
BucketLayout bucket_layout(const Buckets& buckets, const Unit& unit);

}  // namespace kernel_exporter

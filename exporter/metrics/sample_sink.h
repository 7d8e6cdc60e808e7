// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "rules/family_header.h"

namespace kernel_exporter {

// What a scrape is streamed into: the writers of exposition/ implement it. Families come whole and
// once each. `labels` is a rendered label block without braces (label_block.h), empty for none.
class SampleSink {
 public:
  virtual ~SampleSink() = default;
  virtual void begin_family(const FamilyHeader& family) = 0;
  virtual void value(std::string_view labels, uint64_t number) = 0;
  virtual void value(std::string_view labels, double number) = 0;
  // `counts` holds one count a bucket, not cumulated, the last one beyond the last bound
  // (bounds.size() + 1 of them). Without a sum no _sum line is written.
  virtual void histogram(std::string_view labels, std::span<const uint64_t> counts,
                         std::optional<double> sum) = 0;
  virtual void summary(std::string_view labels, uint64_t count, double sum) = 0;
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "metrics/sample_sink.h"

namespace kernel_exporter {

// The one way from a source of samples to a sink. The header is sent with the first sample: a
// family without samples is left out. Header and sink outlive the stream.
class FamilyStream {
 public:
  FamilyStream(SampleSink& sink, const FamilyHeader& header) : sink_(sink), header_(header) {}
  FamilyStream(SampleSink& sink, FamilyHeader&& header) = delete;

  // The kind of value is that of the header's type. `start` as in Sample.
  void add(const Labels& labels, const SampleValue& value,
           std::optional<SystemTime> start = std::nullopt) {
    if (!begun_) sink_.begin_family(header_);
    begun_ = true;
    sink_.sample({labels, value, start});
  }

 private:
  SampleSink& sink_;
  const FamilyHeader& header_;
  bool begun_ = false;
};

}  // namespace kernel_exporter

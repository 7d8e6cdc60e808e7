// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "exposition/label_text.h"
#include "metrics/sample_sink.h"

namespace kernel_exporter {

// Labels as the text formats show them.
inline std::string text_of(const Labels& labels) {
  std::string text;
  return std::string(labels.encoded(append_label_text, text));
}

// The one number by which a test may know a sample: its value, or how many it counts.
inline double number_of(const SampleValue& value) {
  struct Number {
    double operator()(uint64_t number) const { return static_cast<double>(number); }
    double operator()(double number) const { return number; }
    double operator()(const HistogramValue& histogram) const {
      double total = 0;
      for (const uint64_t count : histogram.counts) total += static_cast<double>(count);
      return total;
    }
    double operator()(const SummaryValue& summary) const {
      return static_cast<double>(summary.count);
    }
  };
  return std::visit(Number(), value);
}

}  // namespace kernel_exporter

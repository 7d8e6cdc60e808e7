// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace kernel_exporter {

enum class MetricType { kCounter, kGauge, kHistogram, kSummary };

// What the bounds of a histogram have in common, for formats that can say it shorter than by a
// list.
enum class BucketKind {
  kListed,       // nothing: each stands for itself
  kLinear,       // each as far from the one before
  kExponential,  // each the same power of two times the one before
};

struct BucketLayout {
  BucketKind kind = BucketKind::kListed;
  // Upper bounds, inclusive, in the family's base unit, ascending, without +Inf. As text they have
  // one form in every format: canonical_bound (base/number.h).
  std::vector<double> bounds;
};

struct FamilyHeader {
  std::string name;  // in full, with _total on counters
  std::string help;  // any UTF-8; the writers escape
  MetricType type = MetricType::kCounter;
  std::string unit;      // base unit in the name ("seconds", "bytes"), "" for none
  BucketLayout buckets;  // of histograms
};

}  // namespace kernel_exporter

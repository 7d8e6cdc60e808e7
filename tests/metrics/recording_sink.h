// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "metrics/sample_sink.h"

namespace kernel_exporter {

// One sample with everything that a sink is told of it.
struct RecordedSample {
  std::vector<std::pair<std::string, std::string>> labels;
  SampleValue value;  // a histogram's counts are in the next member alone
  std::vector<uint64_t> counts;
  std::optional<SystemTime> start;
};

struct RecordedFamily {
  FamilyHeader header;
  std::vector<RecordedSample> samples;
};

// A writer of no format: it keeps what the sources say, as they say it. A family that comes twice
// fails the test.
class RecordingSink : public SampleSink {
 public:
  std::map<std::string, RecordedFamily> families;

 private:
  void begin_family(const FamilyHeader& header) override {
    const auto [family, fresh] = families.try_emplace(header.name, RecordedFamily{header, {}});
    EXPECT_TRUE(fresh) << header.name << " comes twice";
    family_ = &family->second;
  }
  void sample(const Sample& sample) override {
    RecordedSample& recorded = family_->samples.emplace_back();
    for (const Label& label : sample.labels.pairs()) {
      recorded.labels.emplace_back(label.name, label.value);
    }
    recorded.value = sample.value;
    if (const auto* histogram = std::get_if<HistogramValue>(&sample.value)) {
      recorded.counts.assign(histogram->counts.begin(), histogram->counts.end());
    }
    recorded.start = sample.start;
  }

  RecordedFamily* family_ = nullptr;
};

}  // namespace kernel_exporter

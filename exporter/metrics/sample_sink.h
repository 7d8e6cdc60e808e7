#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kernel_exporter {

enum class MetricType { kCounter, kGauge, kHistogram, kSummary };

struct FamilyHeader {
  std::string name;  // in full, with _total on counters
  std::string help;  // any UTF-8; the writers escape
  MetricType type = MetricType::kCounter;
  std::string unit;                 // base unit in the name ("seconds", "bytes"), "" for none
  std::vector<std::string> bounds;  // histograms: `le` values in canonical form, ascending, no +Inf
};

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

// SPDX-License-Identifier: Apache-2.0
#include "exposition/writer.h"

#include <cassert>
#include <string_view>
#include <vector>

#include "base/number.h"
#include "exposition/escape.h"
#include "exposition/label_text.h"

namespace kernel_exporter {
namespace {

constexpr std::string_view kTotal = "_total";

std::string_view type_name(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kSummary:
      return "summary";
  }
  return "untyped";
}

// Both formats are one line a sample; they differ in the lines that introduce a family, in what a
// histogram without a sum may show, and in the end. What a family's samples share is rendered once.
class LineWriter : public Writer {
 public:
  LineWriter(Format format, std::string& out)
      : open_metrics_(format == Format::kOpenMetrics100), out_(out) {}

  void finish() override {
    if (open_metrics_) out_ += "# EOF\n";
  }

 private:
  void begin_family(const FamilyHeader& family) override {
    name_ = family.name;
    bucket_tails_.clear();
    if (family.type == MetricType::kHistogram) {
      for (const double bound : family.buckets.bounds) add_bucket_tail(canonical_bound(bound));
      add_bucket_tail("+Inf");
    }
    write_header(family);
  }

  void sample(const Sample& sample) override {
    const std::string_view labels = sample.labels.encoded(append_label_text, labels_);
    std::visit([&](const auto& value) { write(labels, value); }, sample.value);
  }

  void write(std::string_view labels, uint64_t number) { line("", labels, number); }
  void write(std::string_view labels, double number) { line("", labels, number); }

  void write(std::string_view labels, const HistogramValue& histogram) {
    assert(histogram.counts.size() == bucket_tails_.size());
    bucket_head_.assign(name_).append("_bucket{").append(labels);
    if (!labels.empty()) bucket_head_ += ',';
    uint64_t cumulated = 0;
    for (size_t i = 0; i < histogram.counts.size(); ++i) {
      cumulated += histogram.counts[i];
      out_.append(bucket_head_).append(bucket_tails_[i]);
      end_line(cumulated);
    }
    if (histogram.sum) line("_sum", labels, *histogram.sum);
    // OpenMetrics 1.0 shows _count if and only if there is a _sum; +Inf says the same.
    if (histogram.sum || !open_metrics_) line("_count", labels, cumulated);
  }

  void write(std::string_view labels, const SummaryValue& summary) {
    line("_sum", labels, summary.sum);
    line("_count", labels, summary.count);
  }

  void add_bucket_tail(std::string_view bound) {
    bucket_tails_.emplace_back("le=\"").append(bound).append("\"} ");
  }

  void write_header(const FamilyHeader& family) {
    std::string_view name = family.name;
    if (open_metrics_ && family.type == MetricType::kCounter && name.ends_with(kTotal)) {
      name.remove_suffix(kTotal.size());
    }
    out_.append("# HELP ").append(name).append(" ");
    append_escaped(out_, family.help, open_metrics_ ? "\\\n\"" : "\\\n");
    out_.append("\n# TYPE ").append(name).append(" ").append(type_name(family.type)).append("\n");
    if (open_metrics_ && has_unit_suffix(name, family.unit)) {
      out_.append("# UNIT ").append(name).append(" ").append(family.unit).append("\n");
    }
  }

  // OpenMetrics allows a unit only where the family's name ends with it.
  static bool has_unit_suffix(std::string_view name, std::string_view unit) {
    return !unit.empty() && name.size() > unit.size() && name.ends_with(unit) &&
           name[name.size() - unit.size() - 1] == '_';
  }

  template <typename Number>
  void line(std::string_view suffix, std::string_view labels, Number number) {
    out_.append(name_).append(suffix);
    if (!labels.empty()) out_.append("{").append(labels).append("}");
    out_ += ' ';
    end_line(number);
  }

  template <typename Number>
  void end_line(Number number) {
    append_number(out_, number);
    out_ += '\n';
  }

  const bool open_metrics_;
  std::string& out_;
  std::string name_;
  std::string labels_;  // of a series that does not keep them
  std::string bucket_head_;
  std::vector<std::string> bucket_tails_;  // `le="0.1"} `, one a bucket
};

}  // namespace

std::unique_ptr<Writer> make_writer(Format format, std::string& out) {
  return std::make_unique<LineWriter>(format, out);
}

}  // namespace kernel_exporter

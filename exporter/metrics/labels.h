// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kernel_exporter {

struct Label {
  std::string_view name;
  std::string_view value;  // UTF-8
  bool operator==(const Label&) const = default;
};

// Appends labels to `out` as a format writes them. Which function it is says which form it is.
using LabelEncoder = void (*)(std::span<const Label> labels, std::string& out);

// The form in which a series' labels were written last.
struct EncodedLabels {
  LabelEncoder encoder = nullptr;
  std::string text;
};

// The labels of one series on their way to a writer, in the order in which they are shown. Views
// only: it lives for one call.
class Labels {
 public:
  Labels() = default;
  Labels(std::initializer_list<Label> pairs) : pairs_(pairs.begin(), pairs.size()) {}
  explicit Labels(std::span<const Label> pairs) : pairs_(pairs) {}
  // Of a series that lives from scrape to scrape and keeps the form in which it is written:
  // `packed` has a value for each name (append_packed).
  Labels(std::span<const std::string> names, std::string_view packed, EncodedLabels& kept)
      : names_(names), packed_(packed), kept_(&kept) {}
  Labels(const Labels&) = delete;
  Labels& operator=(const Labels&) = delete;

  bool empty() const { return pairs_.empty() && names_.empty(); }
  std::vector<Label> pairs() const;

  // The labels as `encoder` writes them, valid as long as these labels and `scratch`, which holds
  // those of a series that is not kept. A kept series holds one form: a scrape by the same encoder
  // as the last one does not write them again, formats in turn do each time.
  std::string_view encoded(LabelEncoder encoder, std::string& scratch) const;

 private:
  std::span<const Label> pairs_;
  std::span<const std::string> names_;
  std::string_view packed_;
  EncodedLabels* kept_ = nullptr;
};

// Appends a label's value to the text by which a family finds its series. Two lists of values of
// the same length are equal when their texts are, whatever bytes they hold.
void append_packed(std::string& packed, std::string_view value);

}  // namespace kernel_exporter

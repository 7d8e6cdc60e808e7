// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kernel_exporter {

// The samples of one scrape in text format 0.0.4.
class Samples {
 public:
  using Labels = std::map<std::string, std::string>;

  Samples() = default;
  explicit Samples(std::string_view text);  // throws std::runtime_error on what is no exposition

  // The sum of the series of that name which have all those labels, whatever others they have; 0
  // when there is none.
  double sum(const std::string& name, const Labels& having = {}) const;
  size_t count(const std::string& name, const Labels& having = {}) const;

  // The values of one label among the series of that name.
  std::set<std::string> label_values(const std::string& name, const std::string& label) const;

 private:
  struct Sample {
    Labels labels;
    double value;
  };
  std::map<std::string, std::vector<Sample>> samples_;
};

}  // namespace kernel_exporter

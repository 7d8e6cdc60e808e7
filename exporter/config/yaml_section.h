// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/diagnostics.h"

namespace kernel_exporter {

// A YAML mapping of which every key must be known: take the keys one by one, then finish().
// Everything wrong becomes a diagnostic at the line of the offending node.
class YamlSection {
 public:
  // `what` names the section in messages: "metric", "label \"device\"".
  YamlSection(const YAML::Node& node, std::string file, std::string what, Diagnostics& diagnostics);

  Position position() const { return position_; }
  // Where a node stands; that of the section for one that is not in the file.
  Position at(const YAML::Node& node) const;
  const std::string& file() const { return file_; }
  Diagnostics& diagnostics() const { return diagnostics_; }

  // The node behind a key, null when absent.
  YAML::Node take(std::string_view key);

  std::string text(std::string_view key);           // "" when absent
  std::string required_text(std::string_view key);  // a diagnostic when absent or empty
  std::optional<uint64_t> number(std::string_view key);
  std::optional<int64_t> signed_number(const YAML::Node& node, std::string_view what);
  bool flag(std::string_view key);
  std::vector<std::string> text_list(std::string_view key);

  // Calls `each` with key, value of the mapping behind `key`; absent is fine.
  void each_entry(std::string_view key,
                  const std::function<void(const std::string&, const YAML::Node&)>& each);

  void error(const YAML::Node& node, std::string_view message) const;

  // Reports keys that nobody took, naming the known ones, and keys without a value.
  void finish();

 private:
  std::string scalar(const YAML::Node& node, std::string_view key) const;

  YAML::Node node_;
  bool is_mapping_;
  std::string file_;
  Position position_;
  std::string what_;
  Diagnostics& diagnostics_;
  std::set<std::string, std::less<>> known_;
};

// Of at least 0; nothing for any other value.
std::optional<uint64_t> whole_number(const YAML::Node& node);

}  // namespace kernel_exporter

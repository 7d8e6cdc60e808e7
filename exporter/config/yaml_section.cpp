// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_section.h"

#include <charconv>

namespace kernel_exporter {
namespace {

template <typename Integer>
std::optional<Integer> to_integer(const std::string& text) {
  Integer number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  return number;
}

}  // namespace

YamlSection::YamlSection(const YAML::Node& node, std::string file, std::string what,
                         Diagnostics& diagnostics)
    : node_(node),
      is_mapping_(node.IsMap()),
      file_(std::move(file)),
      position_{file_, node.Mark().is_null() ? 0 : node.Mark().line + 1},
      what_(std::move(what)),
      diagnostics_(diagnostics) {
  if (is_mapping_) return;
  error(node_, what_ + " must be a mapping of keys to values");
  node_.reset(YAML::Node(YAML::NodeType::Map));  // operator= would change the document
}

Position YamlSection::at(const YAML::Node& node) const {
  return node.Mark().is_null() ? position_ : Position{file_, node.Mark().line + 1};
}

void YamlSection::error(const YAML::Node& node, std::string_view message) const {
  diagnostics_.add(at(node), message);
}

YAML::Node YamlSection::take(std::string_view key) {
  known_.emplace(key);
  const YAML::Node& node = node_;
  YAML::Node found(YAML::NodeType::Null);
  for (const auto& entry : node) {
    if (entry.first.IsScalar() && entry.first.Scalar() == key) found.reset(entry.second);
  }
  return found;
}

std::string YamlSection::scalar(const YAML::Node& node, std::string_view key) const {
  if (node.IsNull()) return "";
  if (node.IsScalar()) {
    if (node.Scalar().find('\0') == std::string::npos) return node.Scalar();
    error(node, "\"" + std::string(key) + "\" of " + what_ + " holds a NUL character");
    return "";
  }
  error(node, "\"" + std::string(key) + "\" of " + what_ + " must be a single value");
  return "";
}

std::string YamlSection::text(std::string_view key) { return scalar(take(key), key); }

std::string YamlSection::required_text(std::string_view key) {
  const YAML::Node node = take(key);
  if (node.IsNull() || (node.IsScalar() && node.Scalar().empty())) {
    // What is no mapping at all was reported as such.
    if (is_mapping_) error(node, what_ + " has no \"" + std::string(key) + "\"");
    return "";
  }
  return scalar(node, key);
}

std::optional<uint64_t> whole_number(const YAML::Node& node) {
  return node.IsScalar() ? to_integer<uint64_t>(node.Scalar()) : std::nullopt;
}

std::optional<int64_t> YamlSection::signed_number(const YAML::Node& node, std::string_view what) {
  if (node.IsScalar()) {
    if (node.Scalar() == "true") return 1;
    if (node.Scalar() == "false") return 0;
    if (const auto number = to_integer<int64_t>(node.Scalar())) return number;
  }
  error(node, std::string(what) + " must be a whole number, true or false");
  return {};
}

std::optional<uint64_t> YamlSection::number(std::string_view key) {
  const YAML::Node node = take(key);
  if (node.IsNull()) return {};
  const auto number = whole_number(node);
  if (!number) {
    error(node,
          "\"" + std::string(key) + "\" of " + what_ + " must be a whole number of at least 0");
  }
  return number;
}

bool YamlSection::flag(std::string_view key) {
  const YAML::Node node = take(key);
  if (node.IsNull()) return false;
  const std::string value = scalar(node, key);
  if (value != "true" && value != "false") {
    error(node, "\"" + std::string(key) + "\" of " + what_ + " must be true or false");
  }
  return value == "true";
}

std::vector<std::string> YamlSection::text_list(std::string_view key) {
  const YAML::Node node = take(key);
  std::vector<std::string> list;
  if (node.IsNull()) return list;
  if (!node.IsSequence()) {
    error(node, "\"" + std::string(key) + "\" of " + what_ + " must be a list");
    return list;
  }
  for (const YAML::Node& entry : node) list.push_back(scalar(entry, key));
  return list;
}

void YamlSection::each_entry(
    std::string_view key, const std::function<void(const std::string&, const YAML::Node&)>& each) {
  const YAML::Node node = take(key);
  if (node.IsNull()) return;
  if (!node.IsMap()) {
    error(node, "\"" + std::string(key) + "\" of " + what_ + " must be a mapping");
    return;
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const std::string name = scalar(entry.first, key);
    if (!seen.insert(name).second) {
      error(entry.first, "\"" + name + "\" appears twice in \"" + std::string(key) + "\"");
      continue;
    }
    each(name, entry.second);
  }
}

void YamlSection::finish() {
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "?";
    if (!known_.contains(key)) {
      error(entry.first,
            "unknown key \"" + key + "\" in " + what_ + ", expected one of " + quoted_list(known_));
    } else if (!seen.insert(key).second) {
      error(entry.first, "key \"" + key + "\" appears twice in " + what_);
    } else if (entry.second.IsNull()) {
      error(entry.first, "key \"" + key + "\" of " + what_ + " has no value");
    }
  }
}

}  // namespace kernel_exporter

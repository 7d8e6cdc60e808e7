// SPDX-License-Identifier: Apache-2.0
#include "labels/arguments.h"

#include <algorithm>
#include <charconv>

namespace kernel_exporter {
namespace {

std::string listed(std::span<const std::string_view> names) {
  if (names.empty()) return "the decoder takes none";
  std::string list = "known are ";
  for (const std::string_view name : names) {
    if (name != names.front()) list += ", ";
    list += name;
  }
  return list;
}

}  // namespace

Result<Arguments> Arguments::parse(std::string_view decoder, const YAML::Node& node,
                                   const ArgumentNames& names) {
  Arguments arguments(decoder);
  if (!node.IsDefined() || node.IsNull()) return arguments;
  if (node.IsScalar() && !names.shorthand.empty()) {
    arguments.given_.emplace(names.shorthand, node);
    return arguments;
  }
  if (!node.IsMap()) {
    return arguments.wrong("arguments must be a map of names to values; " + listed(names.known));
  }
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) return arguments.wrong("the name of an argument must be a text");
    const std::string& name = entry.first.Scalar();
    if (std::find(names.known.begin(), names.known.end(), name) == names.known.end()) {
      return arguments.wrong("unknown argument \"" + name + "\"; " + listed(names.known));
    }
    if (!arguments.given_.emplace(name, entry.second).second) {
      return arguments.wrong(name, "given twice");
    }
  }
  return arguments;
}

const YAML::Node* Arguments::find(std::string_view name) const {
  const auto it = given_.find(name);
  return it == given_.end() ? nullptr : &it->second;
}

Result<std::optional<std::string>> Arguments::text(std::string_view name) const {
  const YAML::Node* const node = find(name);
  if (!node) return std::nullopt;
  if (!node->IsScalar()) return wrong(name, "expected a text");
  return node->Scalar();
}

Result<std::string> Arguments::required_text(std::string_view name) const {
  Result<std::optional<std::string>> given = text(name);
  if (!given) return tl::unexpected(given.error());
  if (!*given) return wrong(name, "missing; expected a text");
  if ((*given)->empty()) return wrong(name, "must not be empty");
  return std::move(**given);
}

Result<std::optional<bool>> Arguments::boolean(std::string_view name) const {
  const YAML::Node* const node = find(name);
  if (!node) return std::nullopt;
  if (node->IsScalar() && node->Scalar() == "true") return true;
  if (node->IsScalar() && node->Scalar() == "false") return false;
  return wrong(name, "expected true or false");
}

Result<uint64_t> Arguments::required_positive(std::string_view name) const {
  constexpr char kExpected[] = "expected a whole number of at least 1";
  const YAML::Node* const node = find(name);
  if (!node) return wrong(name, std::string("missing; ") + kExpected);
  if (!node->IsScalar()) return wrong(name, kExpected);
  const std::string& digits = node->Scalar();
  const char* const end = digits.data() + digits.size();
  uint64_t number = 0;
  const auto [rest, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || rest != end || number == 0) return wrong(name, kExpected);
  return number;
}

Result<std::map<std::string, std::string>> Arguments::required_map(std::string_view name) const {
  constexpr char kExpected[] = "expected a map of values to texts";
  const YAML::Node* const node = find(name);
  if (!node) return wrong(name, std::string("missing; ") + kExpected);
  if (!node->IsMap() || node->size() == 0) return wrong(name, kExpected);
  std::map<std::string, std::string> texts;
  for (const auto& entry : *node) {
    if (!entry.first.IsScalar() || !entry.second.IsScalar()) return wrong(name, kExpected);
    if (!texts.emplace(entry.first.Scalar(), entry.second.Scalar()).second) {
      return wrong(name, "\"" + entry.first.Scalar() + "\" appears twice");
    }
  }
  return texts;
}

tl::unexpected<Error> Arguments::wrong(std::string_view argument, std::string_view message) const {
  return wrong("argument \"" + std::string(argument) + "\": " + std::string(message));
}

tl::unexpected<Error> Arguments::wrong(std::string_view message) const {
  return fail("decoder \"" + decoder_ + "\": " + std::string(message));
}

}  // namespace kernel_exporter

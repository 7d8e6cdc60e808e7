// SPDX-License-Identifier: Apache-2.0
#include "probe/needs.h"

#include <charconv>

#include "base/text.h"

namespace kernel_exporter {
namespace {

std::optional<std::string> unmet_arguments(std::string_view tracepoint, std::string_view number,
                                           const KernelBtf& kernel) {
  int wanted = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), wanted);
  if (error != std::errc() || end != number.data() + number.size()) {
    return "the object requires \"" + std::string(number) + "\" arguments, expected a number";
  }
  const std::string name(tracepoint);
  const std::optional<int> passed = kernel.tracepoint_arguments(tracepoint);
  if (!passed) return "this kernel has no tracepoint " + name;
  if (*passed >= wanted) return std::nullopt;
  return "arguments of tracepoint " + name + " on this kernel: " + std::to_string(*passed) +
         ", needed " + std::to_string(wanted);
}

std::optional<std::string> unmet_field(std::string_view field, bool wanted,
                                       const KernelBtf& kernel) {
  const size_t dot = field.find('.');
  if (dot == std::string_view::npos) {
    return "the object requires field \"" + std::string(field) + "\", expected STRUCT.MEMBER";
  }
  if (kernel.has_field(field.substr(0, dot), field.substr(dot + 1)) == wanted) return std::nullopt;
  return "this kernel has " + std::string(wanted ? "no " : "") + "field " + std::string(field) +
         (wanted ? "" : ", which another variant uses");
}

}  // namespace

std::vector<std::string> split_needs(std::string_view text) {
  std::vector<std::string> needs;
  while (!text.empty()) {
    const size_t end = text.find(';');
    const std::string_view one = trimmed(text.substr(0, end));
    if (!one.empty()) needs.emplace_back(one);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return needs;
}

std::optional<std::string> unmet_need(std::string_view requirement, const KernelBtf* kernel,
                                      const std::set<std::string>& assume_missing) {
  const std::string text(requirement);
  if (assume_missing.contains(text)) return "\"" + text + "\" is assumed to be missing";
  if (text.starts_with('!') && assume_missing.contains(text.substr(1))) return std::nullopt;
  if (!kernel) return "needs \"" + text + "\", but kernel BTF is not available";
  const std::vector<std::string_view> word = words_of(requirement);
  if (word.size() == 3 && word[0] == "args") return unmet_arguments(word[1], word[2], *kernel);
  if (word.size() == 2 && word[0] == "field") return unmet_field(word[1], true, *kernel);
  if (word.size() == 2 && word[0] == "!field") return unmet_field(word[1], false, *kernel);
  return "the object has an unknown requirement: \"" + text + "\"";
}

}  // namespace kernel_exporter

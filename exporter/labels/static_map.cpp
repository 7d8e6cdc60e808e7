// SPDX-License-Identifier: Apache-2.0
#include "labels/steps.h"

namespace kernel_exporter {

MadeDecoder make_static_map(const Arguments& arguments, const DecoderContext&) {
  auto by_text = arguments.required_map("map");
  if (!by_text) return tl::unexpected(by_text.error());
  auto otherwise = arguments.text("default");
  if (!otherwise) return tl::unexpected(otherwise.error());

  std::map<int64_t, std::string> by_number;
  for (const auto& [from, to] : *by_text) {
    const std::optional<int64_t> number = parse_integer(from);
    if (number && !by_number.emplace(*number, to).second) {
      return arguments.wrong("map", "\"" + from + "\" appears twice");
    }
  }
  return make_step([by_text = std::move(*by_text), by_number = std::move(by_number),
                    otherwise = std::move(*otherwise)](Value& value, std::span<const std::byte>) {
    if (value.number) {
      const auto found = by_number.find(*value.number);
      if (found != by_number.end()) return set_text(value, found->second);
    } else if (const auto found = by_text.find(value.text); found != by_text.end()) {
      return set_text(value, found->second);
    }
    if (otherwise) set_text(value, *otherwise);
  });
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
// string, lower, strip_prefix, prefix_split.
#include "labels/steps.h"

namespace kernel_exporter {
namespace {

using Key = std::span<const std::byte>;

}  // namespace

MadeDecoder make_string(const Arguments&, const DecoderContext&) {
  return make_step(
      [](Value& value, Key) { set_text(value, value.bytes.substr(0, value.bytes.find('\0'))); });
}

MadeDecoder make_lower(const Arguments&, const DecoderContext&) {
  return make_step([](Value& value, Key) { make_ascii_lower(value.text); });
}

MadeDecoder make_strip_prefix(const Arguments& arguments, const DecoderContext&) {
  Result<std::string> prefix = arguments.required_text("prefix");
  if (!prefix) return tl::unexpected(prefix.error());
  return make_step([prefix = std::move(*prefix)](Value& value, Key) {
    if (value.text.starts_with(prefix)) set_text(value, value.text.substr(prefix.size()));
  });
}

MadeDecoder make_prefix_split(const Arguments& arguments, const DecoderContext&) {
  Result<std::string> separator = arguments.required_text("sep");
  if (!separator) return tl::unexpected(separator.error());
  const Result<uint64_t> keep = arguments.required_positive("keep");
  if (!keep) return tl::unexpected(keep.error());
  return make_step([separator = std::move(*separator), keep = *keep](Value& value, Key) {
    size_t end = value.text.find(separator);
    for (uint64_t kept = 1; kept < keep && end != std::string::npos; ++kept) {
      end = value.text.find(separator, end + separator.size());
    }
    if (end != std::string::npos) set_text(value, value.text.substr(0, end));
  });
}

}  // namespace kernel_exporter

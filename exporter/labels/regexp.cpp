// SPDX-License-Identifier: Apache-2.0
#include <re2/re2.h>

#include "base/utf8.h"
#include "labels/steps.h"

namespace kernel_exporter {
namespace {

// For the compiled pattern and its automaton; when the automaton outgrows its part, RE2 forgets and
// goes on. Matching is linear in the text whatever the pattern.
constexpr int64_t kMaxMemory = 1 << 20;
constexpr size_t kMaxText = 4096;

RE2::Options options() {
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(kMaxMemory);
  return options;
}

}  // namespace

MadeDecoder make_regexp(const Arguments& arguments, const DecoderContext&) {
  const Result<std::string> pattern = arguments.required_text("pattern");
  if (!pattern) return tl::unexpected(pattern.error());
  Result<std::optional<std::string>> replacement = arguments.text("replace");
  if (!replacement) return tl::unexpected(replacement.error());
  if (!*replacement) return arguments.wrong("replace", "missing; expected a text");

  auto compiled = std::make_unique<const RE2>(*pattern, options());
  if (!compiled->ok()) return arguments.wrong("pattern", compiled->error());
  std::string problem;
  if (!compiled->CheckRewriteString(**replacement, &problem)) {
    return arguments.wrong("replace", problem);
  }
  return make_step([compiled = std::move(compiled), replacement = std::move(**replacement)](
                       Value& value, std::span<const std::byte>) {
    // RE2 matches code points; a stray byte would match nothing, not even a dot.
    std::string text = to_valid_utf8(value.text);
    if (RE2::GlobalReplace(&text, *compiled, replacement) == 0) return;
    text.resize(std::min(text.size(), kMaxText));
    set_text(value, std::move(text));
  });
}

}  // namespace kernel_exporter

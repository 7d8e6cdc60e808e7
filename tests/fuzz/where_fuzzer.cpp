// SPDX-License-Identifier: Apache-2.0
// Any text as a `where`: parsed against one label and one field of each sign, then asked.
#include "rules/condition.h"

namespace kernel_exporter {
namespace {

void run(std::string_view text) {
  struct Key {
    uint64_t number;
    int32_t delta;
  };
  Field number;
  number.path = "number";
  number.size = 8;
  number.kind = FieldKind::kUnsigned;
  Field delta;
  delta.path = "delta";
  delta.offset = 8;
  delta.size = 4;
  delta.kind = FieldKind::kSigned;
  ConditionScope scope;
  scope.label = [](std::string_view name) {
    return name == "device" ? std::optional<size_t>(0) : std::nullopt;
  };
  scope.field = [&](std::string_view name) -> const Field* {
    return name == "number" ? &number : name == "delta" ? &delta : nullptr;
  };
  const auto condition = parse_condition(text, scope);
  if (!condition) return;
  const std::string labels[] = {"eth0"};
  const Key key = {UINT64_MAX, -1};
  (*condition)->matches({labels, std::as_bytes(std::span(&key, 1))});
}

}  // namespace
}  // namespace kernel_exporter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kernel_exporter::run({reinterpret_cast<const char*>(data), size});
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "probe/layout.h"

namespace kernel_exporter {

// What a name in a `where` stands for. Labels win over fields for texts; numbers compare fields.
struct ConditionScope {
  // Position of a label of the rule, or nullopt.
  std::function<std::optional<size_t>(std::string_view)> label;
  // An integer field of the key, or null.
  std::function<const Field*(std::string_view)> field;
};

// The entry that a condition looks at.
struct ConditionEntry {
  std::span<const std::string> labels;  // decoded, in the order of the rule
  std::span<const std::byte> key;
};

// A compiled `where`: comparisons `NAME OP LITERAL` joined by `and`, `or`, `not` and parentheses
// (&&, || and ! too). OP is ==, !=, <, <=, >, >=; =~ and !~ match a whole text against an RE2
// regular expression. Literals are quoted texts and whole numbers. It looks at the key alone, so
// that an entry never moves in or out of a counter. Immutable; thread-safe.
class Condition {
 public:
  virtual ~Condition() = default;
  virtual bool matches(const ConditionEntry& entry) const = 0;
};

// The error names the column and what was expected there.
[[nodiscard]] Result<std::unique_ptr<Condition>> parse_condition(std::string_view text,
                                                                 const ConditionScope& scope);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "probe/kernel_btf.h"

namespace kernel_exporter {

// What a program needs of the kernel, as its author wrote it into the object, one text per program:
//   const char needs_PROGRAM[] SEC(".rodata.needs") = "args kfree_skb 3; field request.rq_disk";
// Requirements:
//   args NAME N            raw tracepoint NAME passes at least N arguments
//   field STRUCT.MEMBER    the struct or union has that member ("outer.inner" reaches further in)
//   !field STRUCT.MEMBER   it has not
inline constexpr std::string_view kNeedsSection = ".rodata.needs";
inline constexpr std::string_view kNeedsPrefix = "needs_";
// In the same section, of a map that is used only while a constant is set:
//   const char map_if_MAP[] SEC(".rodata.needs") = "CONSTANT";
inline constexpr std::string_view kMapIfPrefix = "map_if_";
// And of a map that needs entries beside its max_entries for each disk of the machine:
//   const char per_disk_MAP[] SEC(".rodata.needs") = "4";
inline constexpr std::string_view kPerDiskPrefix = "per_disk_";

// The requirements in a text, split at ";", blanks around them removed, empty ones left out.
std::vector<std::string> split_needs(std::string_view text);

// Why the kernel does not meet a requirement, in one line; nullopt when it does. Without the
// kernel's types nothing is met. `assume_missing` is ObjectSettings': what it has
// is unmet, and the opposite ("!" before it) is met.
std::optional<std::string> unmet_need(std::string_view requirement, const KernelBtf* kernel,
                                      const std::set<std::string>& assume_missing);

}  // namespace kernel_exporter

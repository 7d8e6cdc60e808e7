// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "probe/layout.h"

struct btf;

namespace kernel_exporter {

// What the layouts of one object may cost together: types that contain each other a few times make
// any number of fields of a few kilobytes. Once it is spent, fields are left out.
struct LayoutBudget {
  size_t members = 1 << 16;     // looked at, each time they are met
  size_t text_bytes = 4 << 20;  // of paths and enumerators

  bool spent() const { return members == 0 || text_bytes == 0; }
  void spend_text(size_t bytes) { text_bytes -= bytes < text_bytes ? bytes : text_bytes; }
};

// The layout of a BTF type. `scalar_name` is the path of the only field when the type is no struct
// ("key" or "value"). Size 0 when type_id is 0 or leads nowhere. Damaged BTF (ids that do not
// exist, endless nesting) leaves fields out.
Layout layout_of(const btf* types, uint32_t type_id, std::string_view scalar_name,
                 LayoutBudget& budget);

// Names by value of the enum at `type_id` (not of a typedef to it); empty when it is none.
std::map<int64_t, std::string> enumerators_of(const btf* types, uint32_t type_id);

// Without typedefs, const, volatile, restrict and type tags; 0 when that leads nowhere.
uint32_t strip_modifiers(const btf* types, uint32_t type_id);

// A name from BTF, "" when there is none.
std::string_view btf_name(const btf* types, uint32_t name_offset);

// The name without its flavour, as CO-RE compares names: "request" of "request___old".
std::string_view essential_name(std::string_view name);

}  // namespace kernel_exporter

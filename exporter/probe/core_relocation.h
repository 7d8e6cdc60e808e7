// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kernel_exporter {

// Where an object asks for something of the kernel's types: one record of its .BTF.ext.
struct CoreRelocation {
  uint32_t section_name = 0;  // offset among the names of the object's BTF
  uint32_t offset = 0;        // of the instruction in that section, bytes
  uint32_t type_id = 0;       // in the object's BTF
  uint32_t kind = 0;          // enum bpf_core_relo_kind
};

// All of them in a .BTF.ext section; none in an empty one.
[[nodiscard]] Result<std::vector<CoreRelocation>> core_relocations(
    std::span<const std::byte> section);

}  // namespace kernel_exporter

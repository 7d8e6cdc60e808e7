// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "base/error.h"

namespace kernel_exporter {

// Whether every reference in a .BTF section leads to a type and every name to a string. libbpf 1.1
// follows them unchecked.
[[nodiscard]] Result<void> check_btf(std::span<const std::byte> section);

}  // namespace kernel_exporter

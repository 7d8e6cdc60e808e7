// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace kernel_exporter {

// The project's own programs, linked into one object and embedded in the binary.
std::span<const std::byte> embedded_object();

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"

namespace kernel_exporter {

// The bytes of a .bpf.o file. Only regular files up to 64 MiB: no BPF object comes near, and a
// device or a pipe may never end.
[[nodiscard]] Result<std::vector<std::byte>> read_object_file(const std::string& path);

}  // namespace kernel_exporter

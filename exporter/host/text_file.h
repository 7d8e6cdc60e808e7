// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.h"

namespace kernel_exporter {

// The whole of a file of procfs or sysfs, whose size is not known beforehand. At most `limit` bytes
// are read. Opened without blocking, so that a FIFO in a fixture or a hostile mount cannot hang us.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path, size_t limit = 64 << 20);

// Likewise of a file that people write. A link to it is followed; a FIFO, device, socket or folder
// is an error.
[[nodiscard]] Result<std::string> read_regular_file(const std::string& path,
                                                    size_t limit = 64 << 20);

}  // namespace kernel_exporter

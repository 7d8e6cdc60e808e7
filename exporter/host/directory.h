// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dirent.h>

#include <memory>

namespace kernel_exporter {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// Owns an open directory and its descriptor.
using Directory = std::unique_ptr<DIR, CloseDirectory>;

}  // namespace kernel_exporter

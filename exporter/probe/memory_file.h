// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/unique_fd.h"

namespace kernel_exporter {

// A file in memory, without a name, for libraries that take only paths. It is gone with the object.
class MemoryFile {
 public:
  // nullopt: this system has no place for one.
  static std::optional<MemoryFile> create();

  // False when there is no room; then the content is undefined.
  bool replace(std::span<const std::byte> content) const;

  // Leads to the file within this process.
  const std::string& path() const { return path_; }

 private:
  explicit MemoryFile(UniqueFd file);

  UniqueFd file_;
  std::string path_;
};

}  // namespace kernel_exporter

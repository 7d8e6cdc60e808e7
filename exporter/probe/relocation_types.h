// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>

#include "probe/memory_file.h"
#include "probe/minimal_btf.h"

namespace kernel_exporter {

// The file that libbpf reads an object's MinimalBtf from, for it takes BTF for relocations by path
// alone.
class RelocationTypes {
 public:
  // Without one (no `kernel`, no MinimalBtf, no place for a file) libbpf reads the kernel's BTF.
  RelocationTypes(std::span<const std::byte> object, const KernelBtf* kernel);

  // For open_object.
  std::string path() const { return file_ ? file_->path() : ""; }

  // To be called before each load. False when the object cannot be loaded by what is in the file.
  bool prepare(const std::set<std::string>& programs) const;

 private:
  std::optional<MinimalBtf> types_;
  std::optional<MemoryFile> file_;
};

}  // namespace kernel_exporter

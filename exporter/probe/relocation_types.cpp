// SPDX-License-Identifier: Apache-2.0
#include "probe/relocation_types.h"

namespace kernel_exporter {

RelocationTypes::RelocationTypes(std::span<const std::byte> object, const KernelBtf* kernel) {
  const auto file = ElfFile::parse(object);
  if (file && kernel) types_ = MinimalBtf::create(*file, *kernel);
  if (types_) file_ = MemoryFile::create();
}

bool RelocationTypes::prepare(const std::set<std::string>& programs) const {
  if (!file_) return true;
  const std::vector<std::byte> types = types_->for_programs(programs);
  return !types.empty() && file_->replace(types);
}

}  // namespace kernel_exporter

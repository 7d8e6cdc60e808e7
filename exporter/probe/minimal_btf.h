// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "probe/btf_copy.h"
#include "probe/elf_file.h"
#include "probe/kernel_btf.h"

namespace kernel_exporter {

// The few of the kernel's types that an object's CO-RE relocations can depend on, about 100 of
// 130,000. libbpf, given these instead of the kernel's BTF, comes to the same instructions: it
// looks at types of the relocation's name, and of those at what they contain by value under names
// that the object uses. It would otherwise read through all types once for each name.
class MinimalBtf {
 public:
  // nullopt: the object has no relocations, or such that libbpf needs all types for: it asks for
  // ids of the kernel's types, or whether a type matches. `kernel` must outlive the result.
  static std::optional<MinimalBtf> create(const ElfFile& object, const KernelBtf& kernel);

  // Raw BTF for the relocations of these programs, and of functions that they might call; empty
  // when it cannot be made.
  std::vector<std::byte> for_programs(const std::set<std::string>& programs) const;

 private:
  MinimalBtf(const KernelBtf& kernel, BtfHandle local);
  std::set<uint32_t> roots_of(const std::set<std::string>& programs) const;
  void add_from_modules(const std::vector<uint32_t>& roots, BtfCopy& copy) const;

  const KernelBtf* kernel_;
  BtfHandle local_;  // types of the object
  // Ids in local_ of what relocations are about, by program; "" for functions that any may call.
  std::map<std::string, std::set<uint32_t>> roots_;
};

}  // namespace kernel_exporter

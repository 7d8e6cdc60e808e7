// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "host/paths.h"

namespace kernel_exporter {

// Names of kernel text addresses, from procfs/kallsyms. Read on first use (some 200,000 lines),
// never again: modules loaded later have no names. One thread at a time.
class KernelSymbols {
 public:
  explicit KernelSymbols(HostPaths paths);

  // The symbol that contains the address, without offset. nullopt where kallsyms hides addresses
  // (kptr_restrict) or none precedes it.
  std::optional<std::string> name(uint64_t address);

 private:
  struct Symbol {
    uint64_t address;
    uint32_t name;  // where its NUL-terminated name begins in names_; the name of data is empty
  };

  void load();

  HostPaths paths_;
  bool loaded_ = false;
  std::vector<Symbol> symbols_;  // ascending by address, one an address
  std::string names_;
};

}  // namespace kernel_exporter

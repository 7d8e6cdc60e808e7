#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "host/paths.h"

namespace kernel_exporter {

// Names of kernel text addresses, from procfs/kallsyms. Read on first use.
class KernelSymbols {
 public:
  explicit KernelSymbols(HostPaths paths);

  // The symbol that contains the address, without offset. nullopt where kallsyms hides addresses
  // (kptr_restrict) or none precedes it.
  std::optional<std::string> name(uint64_t address);

 private:
  struct Symbol {
    uint64_t address;
    std::string name;
  };

  HostPaths paths_;
  bool loaded_ = false;
  std::vector<Symbol> symbols_;  // ascending by address
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

struct bpf_insn;

namespace kernel_exporter {

// A relocatable BPF ELF file, checked as far as libbpf trusts it: libbpf 1.1 reads past the end
// when a symbol leaves its section. Refers to the image, which must outlive it.
class ElfFile {
 public:
  [[nodiscard]] static Result<ElfFile> parse(std::span<const std::byte> image);

  // A function outside of .text, where it stands in its section (bytes).
  struct Program {
    std::string_view name;
    std::string_view section;
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  std::vector<Program> programs() const;

  // Programs with the maps that they, or functions that they may call, refer to.
  std::map<std::string, std::set<std::string>> maps_by_program() const;

  // Content of the first section of that name; empty without one.
  std::span<const std::byte> section(std::string_view name) const;

 private:
  struct Section {
    std::string_view name;
    uint32_t type = 0;
    uint32_t link = 0;
    uint32_t info = 0;
    uint64_t flags = 0;
    std::span<const std::byte> data;  // empty for SHT_NOBITS
    uint64_t size = 0;
  };
  struct Symbol {
    std::string_view name;
    uint8_t type = 0;
    uint16_t section = 0;
    uint64_t value = 0;
    uint64_t size = 0;
  };

  Result<void> read_sections(std::span<const std::byte> image);
  Result<void> read_symbols();
  Result<void> check_functions() const;
  struct Function;
  std::vector<Function> functions() const;
  void add_references(std::span<Function> functions) const;
  static void add_call(std::span<const Function> functions, Function& from,
                       const bpf_insn& instruction, uint32_t section, uint64_t base);
  static std::optional<size_t> function_at(std::span<const Function> functions, uint32_t section,
                                           uint64_t offset);
  std::string map_at(uint64_t symbol) const;

  std::vector<Section> sections_;
  std::vector<Symbol> symbols_;
};

}  // namespace kernel_exporter

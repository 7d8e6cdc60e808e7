// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "probe/layout.h"

namespace kernel_exporter {

struct MapInfo {
  std::string name;
  uint32_t type = 0;  // enum bpf_map_type
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  uint32_t max_entries = 0;
  uint32_t entries_per_disk = 0;  // that it needs beside max_entries, see needs.h
  bool per_cpu = false;
  Layout key;           // size 0 when the object has no BTF for it
  Layout value;         // of one CPU's value
  std::string only_if;  // constant that must be set for any program to use it; "": always used

  // Kernel memory of the entries alone, keys and values of all possible CPUs.
  uint64_t bytes(int possible_cpus) const;
};

// What is in a .bpf.o file before anything is loaded. Needs no privilege and no kernel BTF.
struct ObjectInfo {
  struct Program {
    std::string name;
    std::string section;             // "tp_btf/softirq_raise"
    std::vector<std::string> needs;  // its requirements, see needs.h
    std::set<std::string> maps;      // that it or a function it may call refers to
    bool autoload = true;            // false: its section begins with "?"
  };
  std::vector<MapInfo> maps;                  // internal ones (.rodata, .bss) left out
  std::vector<Program> programs;              // as the source has them, whatever their sections
  std::map<std::string, uint32_t> constants;  // const volatile variables by name: size in bytes
  std::map<std::string, std::map<int64_t, std::string>> enums;

  const MapInfo* map(std::string_view name) const;
};

// `image` is the ELF file; `name` is for messages. Garbage is an error, never a crash.
[[nodiscard]] Result<ObjectInfo> inspect_object(std::string_view name,
                                                std::span<const std::byte> image);

}  // namespace kernel_exporter

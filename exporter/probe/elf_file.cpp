// SPDX-License-Identifier: Apache-2.0
#include "probe/elf_file.h"

#include <elf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <bit>
#include <bitset>
#include <cstring>
#include <optional>

namespace kernel_exporter {
namespace {

constexpr std::string_view kMapsSection = ".maps";
constexpr std::string_view kFunctionsSection = ".text";
// Programs and other functions. With more of them, or with some that overlap, a small file would
// take long.
constexpr size_t kMaxFunctions = 1024;

bool inside(uint64_t offset, uint64_t size, uint64_t total) {
  return offset <= total && size <= total - offset;
}

template <typename T>
std::optional<T> read_at(std::span<const std::byte> data, uint64_t offset) {
  if (!inside(offset, sizeof(T), data.size())) return std::nullopt;
  T value;
  std::memcpy(&value, data.data() + offset, sizeof value);
  return value;
}

// A string that the table ends with a zero byte, as ELF demands.
std::optional<std::string_view> string_at(std::span<const std::byte> table, uint64_t offset) {
  if (offset >= table.size()) return std::nullopt;
  const char* begin = reinterpret_cast<const char*>(table.data()) + offset;
  const size_t length = strnlen(begin, table.size() - offset);
  if (length == table.size() - offset) return std::nullopt;
  return std::string_view(begin, length);
}

Result<Elf64_Ehdr> read_header(std::span<const std::byte> image) {
  const auto header = read_at<Elf64_Ehdr>(image, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
    return fail("not an ELF file");
  }
  constexpr int kNative = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != kNative) {
    return fail("not a 64-bit ELF file of this machine's byte order");
  }
  if (header->e_type != ET_REL || header->e_machine != EM_BPF) {
    return fail("not a BPF object file (build one with clang -target bpf -c)");
  }
  if (header->e_shentsize != sizeof(Elf64_Shdr) ||
      !inside(header->e_shoff, uint64_t{header->e_shnum} * sizeof(Elf64_Shdr), image.size())) {
    return fail("the file is truncated before its section table");
  }
  return *header;
}

}  // namespace

Result<ElfFile> ElfFile::parse(std::span<const std::byte> image) {
  ElfFile file;
  if (Result<void> sections = file.read_sections(image); !sections) {
    return fail(sections.error().message);
  }
  if (Result<void> symbols = file.read_symbols(); !symbols) return fail(symbols.error().message);
  if (Result<void> functions = file.check_functions(); !functions) {
    return fail(functions.error().message);
  }
  return file;
}

Result<void> ElfFile::check_functions() const {
  std::vector<Program> functions;
  for (const Symbol& symbol : symbols_) {
    if (symbol.type != STT_FUNC || symbol.section >= sections_.size()) continue;
    functions.push_back(
        {symbol.name, sections_[symbol.section].name, symbol.value, symbol.value + symbol.size});
    if (functions.size() > kMaxFunctions) {
      return fail("more than " + std::to_string(kMaxFunctions) + " programs and functions");
    }
  }
  std::ranges::sort(functions, {}, [](const Program& function) {
    return std::pair(function.section, function.begin);
  });
  for (size_t i = 1; i < functions.size(); ++i) {
    const Program& before = functions[i - 1];
    if (functions[i].section == before.section && functions[i].begin < before.end) {
      return fail("the functions " + std::string(before.name) + " and " +
                  std::string(functions[i].name) + " overlap");
    }
  }
  return {};
}

Result<void> ElfFile::read_sections(std::span<const std::byte> image) {
  const Result<Elf64_Ehdr> header = read_header(image);
  if (!header) return fail(header.error().message);
  std::vector<uint32_t> names;
  for (uint32_t i = 0; i < header->e_shnum; ++i) {
    const auto raw = read_at<Elf64_Shdr>(image, header->e_shoff + i * sizeof(Elf64_Shdr));
    const bool stored = raw->sh_type != SHT_NOBITS && raw->sh_type != SHT_NULL;
    if (stored && !inside(raw->sh_offset, raw->sh_size, image.size())) {
      return fail("section " + std::to_string(i) + " is outside the file");
    }
    names.push_back(raw->sh_name);
    sections_.push_back(
        {.name = {},
         .type = raw->sh_type,
         .link = raw->sh_link,
         .info = raw->sh_info,
         .flags = raw->sh_flags,
         .data = stored ? image.subspan(raw->sh_offset, raw->sh_size) : image.subspan(0, 0),
         .size = raw->sh_size});
  }
  if (header->e_shstrndx >= sections_.size()) return fail("the file has no section names");
  for (size_t i = 0; i < sections_.size(); ++i) {
    const auto name = string_at(sections_[header->e_shstrndx].data, names[i]);
    if (!name) return fail("section " + std::to_string(i) + " has an invalid name");
    sections_[i].name = *name;
  }
  return {};
}

Result<void> ElfFile::read_symbols() {
  for (const Section& table : sections_) {
    if (table.type != SHT_SYMTAB) continue;
    if (table.link >= sections_.size()) return fail("the symbol table has no names");
    for (uint64_t i = 0; i < table.data.size() / sizeof(Elf64_Sym); ++i) {
      const auto raw = read_at<Elf64_Sym>(table.data, i * sizeof(Elf64_Sym));
      const auto name = string_at(sections_[table.link].data, raw->st_name);
      if (!name) return fail("symbol " + std::to_string(i) + " has an invalid name");
      const bool special = raw->st_shndx == SHN_UNDEF || raw->st_shndx >= SHN_LORESERVE;
      if (!special && (raw->st_shndx >= sections_.size() ||
                       !inside(raw->st_value, raw->st_size, sections_[raw->st_shndx].size))) {
        return fail("symbol " + std::string(*name) + " is outside its section");
      }
      symbols_.push_back({*name, static_cast<uint8_t>(ELF64_ST_TYPE(raw->st_info)), raw->st_shndx,
                          raw->st_value, raw->st_size});
    }
  }
  return {};
}

std::span<const std::byte> ElfFile::section(std::string_view name) const {
  for (const Section& candidate : sections_) {
    if (candidate.name == name) return candidate.data;
  }
  return {};
}

std::vector<ElfFile::Program> ElfFile::programs() const {
  std::vector<Program> programs;
  for (const Symbol& symbol : symbols_) {
    if (symbol.type != STT_FUNC || symbol.section >= sections_.size()) continue;
    const std::string_view section = sections_[symbol.section].name;
    if (section == kFunctionsSection) continue;
    programs.push_back({symbol.name, section, symbol.value, symbol.value + symbol.size});
  }
  return programs;
}

std::string ElfFile::map_at(uint64_t symbol) const {
  if (symbol >= symbols_.size()) return {};
  const Symbol& target = symbols_[symbol];
  if (target.section >= sections_.size() || sections_[target.section].name != kMapsSection) {
    return {};
  }
  return std::string(target.name);
}

// What a function refers to: maps, and others that it may call (as indexes).
struct ElfFile::Function {
  std::string_view name;
  uint32_t section = 0;
  uint64_t begin = 0;  // bytes in the section
  uint64_t end = 0;
  std::set<std::string> maps;
  std::bitset<kMaxFunctions> calls;
};

std::vector<ElfFile::Function> ElfFile::functions() const {
  std::vector<Function> functions;
  for (const Symbol& symbol : symbols_) {
    if (symbol.type != STT_FUNC || symbol.section >= sections_.size()) continue;
    functions.push_back(
        {symbol.name, symbol.section, symbol.value, symbol.value + symbol.size, {}, {}});
  }
  std::ranges::sort(functions, {}, [](const Function& function) {
    return std::pair(function.section, function.begin);
  });
  add_references(functions);
  return functions;
}

// The index of the function that an instruction belongs to. `functions` is sorted.
std::optional<size_t> ElfFile::function_at(std::span<const Function> functions, uint32_t section,
                                           uint64_t offset) {
  const auto next = std::ranges::upper_bound(
      functions, std::pair(section, offset), {},
      [](const Function& function) { return std::pair(function.section, function.begin); });
  if (next == functions.begin()) return std::nullopt;
  const Function& found = *std::prev(next);
  if (found.section != section || offset >= found.end) return std::nullopt;
  return static_cast<size_t>(&found - functions.data());
}

void ElfFile::add_references(std::span<Function> functions) const {
  std::map<std::pair<uint32_t, uint64_t>, uint64_t> symbols;  // that instructions refer to
  for (const Section& table : sections_) {
    if (table.type != SHT_REL) continue;
    for (uint64_t i = 0; i < table.data.size() / sizeof(Elf64_Rel); ++i) {
      const auto relocation = read_at<Elf64_Rel>(table.data, i * sizeof(Elf64_Rel));
      symbols[{table.info, relocation->r_offset}] = ELF64_R_SYM(relocation->r_info);
    }
  }
  for (Function& function : functions) {
    const auto code = sections_[function.section].data;
    for (uint64_t at = function.begin; at < function.end; at += sizeof(bpf_insn)) {
      const auto instruction = read_at<bpf_insn>(code, at);
      if (!instruction) break;
      const auto symbol = symbols.find({function.section, at});
      if (symbol == symbols.end()) {
        add_call(functions, function, *instruction, function.section, at + sizeof *instruction);
      } else if (std::string map = map_at(symbol->second); !map.empty()) {
        function.maps.insert(std::move(map));
      } else if (symbol->second < symbols_.size()) {
        const Symbol& target = symbols_[symbol->second];
        const bool is_call = instruction->code == (BPF_JMP | BPF_CALL);
        const uint64_t base = target.value + (is_call ? sizeof *instruction : 0);
        add_call(functions, function, *instruction, target.section, base);
      }
    }
  }
}

// A call counts instructions from the one behind it or, with a relocation, behind the symbol; the
// address of a function, which is passed to a helper as a callback, counts bytes from the symbol.
void ElfFile::add_call(std::span<const Function> functions, Function& from,
                       const bpf_insn& instruction, uint32_t section, uint64_t base) {
  const bool is_call = instruction.code == (BPF_JMP | BPF_CALL);
  const bool is_address = instruction.code == (BPF_LD | BPF_IMM | BPF_DW);
  if (is_call ? instruction.src_reg != BPF_PSEUDO_CALL : !is_address) return;
  const int64_t distance = int64_t{instruction.imm} * (is_call ? int64_t{sizeof instruction} : 1);
  const auto callee = function_at(functions, section, base + static_cast<uint64_t>(distance));
  if (callee) from.calls.set(*callee);
}

std::map<std::string, std::set<std::string>> ElfFile::maps_by_program() const {
  const std::vector<Function> all = functions();
  std::map<std::string, std::set<std::string>> used;
  for (size_t i = 0; i < all.size(); ++i) {
    if (sections_[all[i].section].name == kFunctionsSection) continue;
    std::set<std::string>& maps = used[std::string(all[i].name)];
    std::bitset<kMaxFunctions> reached;
    std::bitset<kMaxFunctions> open;
    open.set(i);
    for (size_t at = i; open.any(); at = open._Find_first()) {
      reached.set(at);
      maps.insert(all[at].maps.begin(), all[at].maps.end());
      open |= all[at].calls;
      open &= ~reached;
    }
  }
  return used;
}

}  // namespace kernel_exporter

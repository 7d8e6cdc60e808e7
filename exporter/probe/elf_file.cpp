// SPDX-License-Identifier: Apache-2.0
#include "probe/elf_file.h"

#include <elf.h>

#include <bit>
#include <cstring>
#include <optional>

namespace kernel_exporter {
namespace {

constexpr std::string_view kMapsSection = ".maps";
constexpr std::string_view kFunctionsSection = ".text";

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
  return file;
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

std::map<std::string, std::set<std::string>> ElfFile::maps_by_program() const {
  std::map<std::string, std::set<std::string>> used;
  std::set<std::string> common;
  for (const Program& program : programs()) used[std::string(program.name)];
  for (const Section& table : sections_) {
    if (table.type != SHT_REL || table.info >= sections_.size()) continue;
    const bool functions = sections_[table.info].name == kFunctionsSection;
    for (uint64_t i = 0; i < table.data.size() / sizeof(Elf64_Rel); ++i) {
      const auto relocation = read_at<Elf64_Rel>(table.data, i * sizeof(Elf64_Rel));
      const std::string map = map_at(ELF64_R_SYM(relocation->r_info));
      if (map.empty()) continue;
      if (functions) common.insert(map);
      for (const Symbol& symbol : symbols_) {
        if (symbol.type == STT_FUNC && symbol.section == table.info && !functions &&
            relocation->r_offset - symbol.value < symbol.size) {
          used[std::string(symbol.name)].insert(map);
        }
      }
    }
  }
  for (auto& [program, maps] : used) maps.insert(common.begin(), common.end());
  return used;
}

}  // namespace kernel_exporter

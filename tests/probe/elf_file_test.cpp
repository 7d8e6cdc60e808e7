// SPDX-License-Identifier: Apache-2.0
#include "probe/elf_file.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>

#include "fixture.h"

namespace kernel_exporter {
namespace {

TEST(ElfFile, FindsTheMapsOfEachProgram) {
  const std::vector<std::byte> image = fixture("loads");
  const Result<ElfFile> file = ElfFile::parse(image);
  ASSERT_TRUE(file) << file.error().message;
  const auto maps = file->maps_by_program();
  EXPECT_EQ(maps.at("good_switch"), (std::set<std::string>{"good_switches"}));
  EXPECT_EQ(maps.at("pick_switch__first"), (std::set<std::string>{"pick_first"}));
  EXPECT_EQ(maps.at("pick_switch__second"), (std::set<std::string>{"pick_second"}));
  EXPECT_EQ(maps.at("old_event"), (std::set<std::string>{}));
  EXPECT_EQ(maps.count("LICENSE"), 0u);
}

TEST(ElfFile, AddsTheMapsOfFunctionsThatAProgramMayCallAndNoOthers) {
  const std::vector<std::byte> image = fixture("calls");
  const Result<ElfFile> file = ElfFile::parse(image);
  ASSERT_TRUE(file) << file.error().message;
  using Maps = std::set<std::string>;
  const std::map<std::string, Maps> expected = {{"calls_nothing", {"direct"}},
                                                {"calls_inner", {"inner"}},
                                                {"calls_outer", {"inner", "outer"}},
                                                {"calls_global", {"global"}},
                                                {"passes_a_callback", {"visited", "callback"}},
                                                {"uses_optional", {"direct", "optional"}}};
  EXPECT_EQ(file->maps_by_program(), expected);
}

void patch_header(std::vector<std::byte>& image, const std::function<void(Elf64_Ehdr&)>& change) {
  Elf64_Ehdr header;
  std::memcpy(&header, image.data(), sizeof header);
  change(header);
  std::memcpy(image.data(), &header, sizeof header);
}

void patch_symbols(std::vector<std::byte>& image, const std::function<void(Elf64_Sym&)>& change) {
  Elf64_Ehdr header;
  std::memcpy(&header, image.data(), sizeof header);
  for (int i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    std::memcpy(&section, image.data() + header.e_shoff + i * sizeof section, sizeof section);
    if (section.sh_type != SHT_SYMTAB) continue;
    for (size_t at = 0; at < section.sh_size; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, image.data() + section.sh_offset + at, sizeof symbol);
      change(symbol);
      std::memcpy(image.data() + section.sh_offset + at, &symbol, sizeof symbol);
    }
  }
}

TEST(ElfFile, RefusesWhatLeavesItsBounds) {
  struct Row {
    const char* message;
    std::function<void(std::vector<std::byte>&)> damage;
  };
  const Row rows[] = {
      {"truncated",
       [](auto& image) { patch_header(image, [](auto& header) { header.e_shoff = ~0ull; }); }},
      {"truncated",
       [](auto& image) { patch_header(image, [](auto& header) { header.e_shentsize = 1; }); }},
      {"no section names",
       [](auto& image) { patch_header(image, [](auto& header) { header.e_shstrndx = 999; }); }},
      {"invalid name",
       [](auto& image) { patch_header(image, [](auto& header) { header.e_shstrndx = 0; }); }},
      {"not a BPF object",
       [](auto& image) { patch_header(image, [](auto& header) { header.e_type = ET_EXEC; }); }},
      {"outside its section",
       [](auto& image) { patch_symbols(image, [](auto& symbol) { symbol.st_size = 1 << 20; }); }},
      {"outside its section",
       [](auto& image) { patch_symbols(image, [](auto& symbol) { symbol.st_value = ~0ull; }); }},
      {"invalid name",
       [](auto& image) { patch_symbols(image, [](auto& symbol) { symbol.st_name = 1 << 30; }); }},
      // Two names for the same instructions.
      {"overlap",
       [](auto& image) {
         Elf64_Sym first = {};
         patch_symbols(image, [&](auto& symbol) {
           if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC) return;
           if (first.st_size == 0) first = symbol;
           symbol.st_shndx = first.st_shndx;
           symbol.st_value = first.st_value;
           symbol.st_size = first.st_size;
         });
       }},
  };
  for (const Row& row : rows) {
    std::vector<std::byte> image = fixture("loads");
    row.damage(image);
    const Result<ElfFile> file = ElfFile::parse(image);
    ASSERT_FALSE(file) << row.message;
    EXPECT_NE(file.error().message.find(row.message), std::string::npos) << file.error().message;
  }
}

// A file of this many functions of one instruction each, and nothing else.
std::vector<std::byte> file_of_functions(uint32_t count) {
  const std::string names("\0f\0text\0", 8);
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_REL;
  header.e_machine = EM_BPF;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shoff = sizeof header;
  header.e_shstrndx = 0;
  std::array<Elf64_Shdr, 3> sections = {};  // names, functions, symbols
  sections[0].sh_type = SHT_STRTAB;
  sections[0].sh_offset = sizeof header + sizeof sections;
  sections[0].sh_size = names.size();
  sections[1].sh_type = SHT_NOBITS;
  sections[1].sh_name = 3;
  sections[1].sh_size = uint64_t{count} * 8;
  sections[2].sh_type = SHT_SYMTAB;
  sections[2].sh_offset = sections[0].sh_offset + names.size();
  sections[2].sh_size = count * sizeof(Elf64_Sym);
  std::vector<Elf64_Sym> symbols(count);
  for (uint32_t i = 0; i < count; ++i) {
    symbols[i].st_name = 1;
    symbols[i].st_info = STT_FUNC;
    symbols[i].st_shndx = 1;
    symbols[i].st_value = uint64_t{i} * 8;
    symbols[i].st_size = 8;
  }
  std::vector<std::byte> image;
  const auto append = [&](const void* data, size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    image.insert(image.end(), bytes, bytes + size);
  };
  append(&header, sizeof header);
  append(sections.data(), sizeof sections);
  append(names.data(), names.size());
  append(symbols.data(), symbols.size() * sizeof(Elf64_Sym));
  return image;
}

TEST(ElfFile, TakesNoMoreThanAThousandFunctions) {
  EXPECT_TRUE(ElfFile::parse(file_of_functions(1024)));
  const Result<ElfFile> more = ElfFile::parse(file_of_functions(1025));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().message, "more than 1024 programs and functions");
}

}  // namespace
}  // namespace kernel_exporter

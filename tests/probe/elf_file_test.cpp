// SPDX-License-Identifier: Apache-2.0
#include "probe/elf_file.h"

#include <elf.h>
#include <gtest/gtest.h>

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
  };
  for (const Row& row : rows) {
    std::vector<std::byte> image = fixture("loads");
    row.damage(image);
    const Result<ElfFile> file = ElfFile::parse(image);
    ASSERT_FALSE(file) << row.message;
    EXPECT_NE(file.error().message.find(row.message), std::string::npos) << file.error().message;
  }
}

}  // namespace
}  // namespace kernel_exporter

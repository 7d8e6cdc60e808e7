// SPDX-License-Identifier: Apache-2.0
#include "probe/core_relocation.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cstring>

#include "fixture.h"
#include "probe/elf_file.h"

namespace kernel_exporter {
namespace {

std::vector<std::byte> extension(const std::string& name) {
  const std::vector<std::byte> image = fixture(name);
  const auto section = ElfFile::parse(image)->section(".BTF.ext");
  return {section.begin(), section.end()};
}

TEST(CoreRelocations, AreThoseOfTheObject) {
  const auto relocations = core_relocations(extension("relocations"));
  ASSERT_TRUE(relocations) << relocations.error().message;
  const auto count = [&](uint32_t kind) {
    return std::ranges::count(*relocations, kind, &CoreRelocation::kind);
  };
  EXPECT_EQ(count(BPF_CORE_FIELD_LSHIFT_U64), 1);
  EXPECT_EQ(count(BPF_CORE_ENUMVAL_EXISTS), 2);
  EXPECT_EQ(count(BPF_CORE_TYPE_EXISTS), 2);
  EXPECT_EQ(count(BPF_CORE_TYPE_SIZE), 1);
  EXPECT_EQ(count(BPF_CORE_TYPE_ID_TARGET), 0);
  for (const CoreRelocation& relocation : *relocations) {
    EXPECT_EQ(relocation.offset % 8, 0u);
    EXPECT_NE(relocation.section_name, 0u);
  }
}

TEST(CoreRelocations, AreNoneInAnEmptySection) {
  const auto relocations = core_relocations({});
  ASSERT_TRUE(relocations);
  EXPECT_TRUE(relocations->empty());
}

TEST(CoreRelocations, SurviveEveryTruncation) {
  const std::vector<std::byte> whole = extension("relocations");
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_FALSE(core_relocations(std::span(whole).first(size))) << size;
  }
}

TEST(CoreRelocations, SurviveDamagedBytes) {
  std::vector<std::byte> damaged = extension("relocations");
  size_t refused = 0;
  for (std::byte& byte : damaged) {
    const std::byte kept = std::exchange(byte, std::byte{0xff});
    refused += core_relocations(damaged) ? 0 : 1;
    byte = kept;
  }
  EXPECT_GT(refused, 10u);
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>

#include "fixture.h"
#include "probe/attach_target.h"
#include "probe/bpf_handle.h"
#include "probe/embedded_object.h"
#include "probe/libbpf_log.h"
#include "probe/memory_file.h"
#include "probe/minimal_btf.h"

namespace kernel_exporter {
namespace {

struct Relocated {
  std::vector<bpf_insn> instructions;
  std::string complaint;  // of libbpf's relocation, "" when there is none
};

bool is_load_of_address(const bpf_insn& instruction) {
  return instruction.code == (BPF_LD | BPF_IMM | BPF_DW) && instruction.src_reg != 0;
}

// Map descriptors differ from load to load.
std::vector<bpf_insn> without_descriptors(const bpf_program* program) {
  const bpf_insn* begin = bpf_program__insns(program);
  std::vector<bpf_insn> instructions(begin, begin + bpf_program__insn_cnt(program));
  for (bpf_insn& instruction : instructions) {
    if (is_load_of_address(instruction)) instruction.imm = 0;
  }
  return instructions;
}

std::string relocation_failure(const std::string& log) {
  const size_t begin = log.find("relo #");
  return begin == std::string::npos ? "" : log.substr(begin, log.find('\n', begin) - begin);
}

class MinimalBtfTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<KernelBtf> kernel = KernelBtf::load("/sys");
    ASSERT_TRUE(kernel) << kernel.error().message;
    kernel_ = std::make_unique<KernelBtf>(std::move(*kernel));
  }

  // One program of the object as the kernel gets to see it, whether it accepts it or not.
  // `types`: "" lets libbpf read all the kernel's types.
  Relocated relocate(std::span<const std::byte> image, const std::string& program,
                     const std::string& types) {
    const Result<ObjectHandle> object = open_object("test", image, types);
    if (!object) {
      ADD_FAILURE() << object.error().message;
      return {};
    }
    bpf_program* each = nullptr;
    bpf_program* wanted = nullptr;
    bpf_object__for_each_program(each, object->get()) {
      const bool is_wanted = bpf_program__name(each) == program;
      bpf_program__set_autoload(each, is_wanted);
      if (is_wanted) wanted = each;
    }
    const AttachTargets targets(kernel_.get());
    take_libbpf_log();
    bpf_object__load(object->get());
    return {without_descriptors(wanted), relocation_failure(take_libbpf_log())};
  }

  // The same program relocated by all types of the kernel and by the few.
  void expect_equal(std::span<const std::byte> image, const std::string& program) {
    const auto minimal = MinimalBtf::create(*ElfFile::parse(image), *kernel_);
    ASSERT_TRUE(minimal);
    const std::vector<std::byte> types = minimal->for_programs({program});
    ASSERT_FALSE(types.empty()) << program;
    EXPECT_LT(types.size(), 100'000u) << program;
    const auto file = MemoryFile::create();
    ASSERT_TRUE(file && file->replace(types));
    const Relocated all = relocate(image, program, "");
    const Relocated few = relocate(image, program, file->path());
    ASSERT_EQ(all.instructions.size(), few.instructions.size()) << program;
    EXPECT_EQ(std::memcmp(all.instructions.data(), few.instructions.data(),
                          all.instructions.size() * sizeof(bpf_insn)),
              0)
        << program;
    EXPECT_EQ(all.complaint, few.complaint) << program;
  }

  std::unique_ptr<KernelBtf> kernel_;
};

TEST_F(MinimalBtfTest, RelocatesEachProgramOfTheEmbeddedObjectAsAllTypesDo) {
  const Result<ObjectInfo> info = inspect_object("embedded", embedded_object());
  ASSERT_TRUE(info) << info.error().message;
  ASSERT_GT(info->programs.size(), 40u);
  for (const ObjectInfo::Program& program : info->programs) {
    expect_equal(embedded_object(), program.name);
  }
}

TEST_F(MinimalBtfTest, RelocatesEachKindAsAllTypesDo) {
  const std::vector<std::byte> image = fixture("relocations");
  const Result<ObjectInfo> info = inspect_object("relocations", image);
  ASSERT_TRUE(info) << info.error().message;
  ASSERT_EQ(info->programs.size(), 13u);
  for (const ObjectInfo::Program& program : info->programs) expect_equal(image, program.name);
}

// What the comparison above is worth: other types give other instructions.
TEST_F(MinimalBtfTest, TypesForAnotherProgramGiveOtherInstructions) {
  const std::vector<std::byte> image = fixture("relocations");
  const auto minimal = MinimalBtf::create(*ElfFile::parse(image), *kernel_);
  ASSERT_TRUE(minimal);
  const auto file = MemoryFile::create();
  ASSERT_TRUE(file && file->replace(minimal->for_programs({"asks_about_enumerators"})));
  const Relocated all = relocate(image, "reads_through_anonymous_members", "");
  const Relocated few = relocate(image, "reads_through_anonymous_members", file->path());
  ASSERT_EQ(all.instructions.size(), few.instructions.size());
  EXPECT_NE(std::memcmp(all.instructions.data(), few.instructions.data(),
                        all.instructions.size() * sizeof(bpf_insn)),
            0);
}

TEST_F(MinimalBtfTest, LeavesIdsOfTypesToLibbpf) {
  const std::vector<std::byte> image = fixture("type_ids");
  EXPECT_FALSE(MinimalBtf::create(*ElfFile::parse(image), *kernel_));
}

TEST_F(MinimalBtfTest, IsNotThereForAnObjectWithoutRelocations) {
  const std::vector<std::byte> image = fixture("foreign");
  EXPECT_FALSE(MinimalBtf::create(*ElfFile::parse(image), *kernel_));
}

}  // namespace
}  // namespace kernel_exporter

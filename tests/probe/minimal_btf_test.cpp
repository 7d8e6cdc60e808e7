// SPDX-License-Identifier: Apache-2.0
#include "probe/minimal_btf.h"

#include <gtest/gtest.h>

#include "fake_kernel.h"
#include "fixture.h"
#include "probe/btf_layout.h"

namespace kernel_exporter {
namespace {

const btf_type* find(const BtfHandle& types, const char* name, uint32_t kind) {
  const int id = btf__find_by_name_kind(types.get(), name, kind);
  return id > 0 ? btf__type_by_id(types.get(), id) : nullptr;
}

BtfHandle parse(const std::vector<std::byte>& raw) {
  return BtfHandle(btf__new(raw.data(), static_cast<uint32_t>(raw.size())));
}

// Types for one program of the fixture `relocations` on this kernel.
BtfHandle minimal(const FakeKernel& files, const std::string& program) {
  const Result<KernelBtf> kernel = KernelBtf::load(files.sysfs());
  EXPECT_TRUE(kernel) << kernel.error().message;
  const std::vector<std::byte> image = fixture("relocations");
  const auto minimal = MinimalBtf::create(*ElfFile::parse(image), *kernel);
  EXPECT_TRUE(minimal);
  return parse(minimal->for_programs({program}));
}

TEST(MinimalBtf, TakesFromAModuleWhatTheImageDoesNotHave) {
  FakeKernel files;
  const int number = btf__add_int(files.image(), "int", 4, BTF_INT_SIGNED);
  const int index = btf__add_int(files.image(), "__ARRAY_SIZE_TYPE__", 4, 0);
  btf__add_struct(files.image(), "task_struct", 8);
  btf__add_field(files.image(), "pid", number, 32, 0);
  const int element = btf__add_struct(files.module(), "bio_vec", 8);
  btf__add_field(files.module(), "bv_len", number, 32, 0);
  const int elements = btf__add_array(files.module(), index, element, 0);
  btf__add_struct(files.module(), "bio", 16);
  btf__add_field(files.module(), "bi_inline_vecs", elements, 128, 0);
  btf__add_struct(files.module(), "task_struct", 64);
  files.write();

  const BtfHandle types = minimal(files, "reads_an_open_array");
  ASSERT_TRUE(types);
  const btf_type* bio = find(types, "bio", BTF_KIND_STRUCT);
  ASSERT_TRUE(bio);
  EXPECT_EQ(bio->size, 16u);
  ASSERT_EQ(btf_vlen(bio), 1);
  EXPECT_EQ(btf_member_bit_offset(bio, 0), 128u);
  EXPECT_TRUE(find(types, "bio_vec", BTF_KIND_STRUCT));
  // A shared function reads it, and the image has it.
  const btf_type* task = find(types, "task_struct", BTF_KIND_STRUCT);
  ASSERT_TRUE(task);
  EXPECT_EQ(task->size, 8u);
}

TEST(MinimalBtf, LeavesOutWhatTheProgramDoesNotAskFor) {
  FakeKernel files;
  const int number = btf__add_int(files.image(), "int", 4, BTF_INT_SIGNED);
  for (const char* name : {"atomic", "sk_buff", "unknown"}) {
    btf__add_struct(files.image(), name, 4);
    btf__add_field(files.image(), "counter", number, 0, 0);
  }
  btf__add_typedef(files.image(), "atomic_t", number + 1);
  files.write();

  const BtfHandle types = minimal(files, "reads_a_typedef");
  ASSERT_TRUE(types);
  EXPECT_TRUE(find(types, "atomic_t", BTF_KIND_TYPEDEF));
  EXPECT_TRUE(find(types, "atomic", BTF_KIND_STRUCT));
  EXPECT_FALSE(find(types, "sk_buff", BTF_KIND_STRUCT));
  EXPECT_FALSE(find(types, "unknown", BTF_KIND_STRUCT));
}

TEST(MinimalBtf, IsEmptyBtfWhereTheKernelHasNoneOfTheTypes) {
  FakeKernel files;
  btf__add_int(files.image(), "int", 4, BTF_INT_SIGNED);
  files.write();
  const BtfHandle types = minimal(files, "reads_a_typedef");
  ASSERT_TRUE(types);
  EXPECT_EQ(btf__type_cnt(types.get()), 1u);
}

}  // namespace
}  // namespace kernel_exporter

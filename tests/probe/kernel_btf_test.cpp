// SPDX-License-Identifier: Apache-2.0
#include "probe/kernel_btf.h"

#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include "fake_kernel.h"
#include "probe/btf_layout.h"

namespace kernel_exporter {
namespace {

class KernelBtfTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<KernelBtf> loaded = KernelBtf::load("/sys");
    ASSERT_TRUE(loaded) << loaded.error().message;
    kernel_ = std::make_unique<KernelBtf>(std::move(*loaded));
  }
  std::unique_ptr<KernelBtf> kernel_;
};

TEST_F(KernelBtfTest, CountsTracepointArgumentsWithoutTheContext) {
  // preempt, prev, next on every kernel; prev_state from 5.18 on.
  const std::optional<int> count = kernel_->tracepoint_arguments("sched_switch");
  ASSERT_TRUE(count);
  EXPECT_GE(*count, 3);
  EXPECT_LE(*count, 4);
  EXPECT_EQ(kernel_->tracepoint_arguments("sched_wakeup"), 1);
  EXPECT_EQ(kernel_->tracepoint_arguments("no_such_tracepoint"), std::nullopt);
  EXPECT_EQ(kernel_->tracepoint_arguments(""), std::nullopt);
}

TEST_F(KernelBtfTest, FindsWhatTracepointProgramsAttachTo) {
  const std::optional<uint32_t> id = kernel_->tracepoint_id("sched_switch");
  ASSERT_TRUE(id);
  EXPECT_EQ(static_cast<int>(*id), libbpf_find_vmlinux_btf_id("sched_switch", BPF_TRACE_RAW_TP));
  EXPECT_EQ(kernel_->tracepoint_id("no_such_tracepoint"), std::nullopt);
}

TEST_F(KernelBtfTest, FindsFunctions) {
  const std::optional<uint32_t> id = kernel_->function_id("vfs_read");
  ASSERT_TRUE(id);
  EXPECT_EQ(static_cast<int>(*id), libbpf_find_vmlinux_btf_id("vfs_read", BPF_TRACE_FENTRY));
  EXPECT_EQ(kernel_->function_id("no_such_function"), std::nullopt);
  EXPECT_EQ(kernel_->function_id("task_struct"), std::nullopt);
  EXPECT_FALSE(kernel_->module_has_function("vfs_read"));
}

TEST_F(KernelBtfTest, ListsEveryTypeOfAName) {
  const std::vector<uint32_t> ids = kernel_->named("task_struct");
  ASSERT_EQ(ids.size(), 1u);
  EXPECT_EQ(static_cast<int>(ids[0]),
            btf__find_by_name_kind(kernel_->types(), "task_struct", BTF_KIND_STRUCT));
  EXPECT_TRUE(kernel_->named("vfs_read").empty());
  EXPECT_TRUE(kernel_->named("").empty());
}

TEST_F(KernelBtfTest, KnowsFieldsThroughAnonymousAndNestedStructs) {
  struct Row {
    const char* structure;
    const char* member;
    bool expected;
  };
  const Row rows[] = {
      {"task_struct", "pid", true},
      {"task_struct", "sched_info.last_queued", true},
      {"sk_buff", "dev", true},  // in an anonymous union
      {"task_struct", "no_such_member", false},
      {"task_struct", "pid.no_such_member", false},
      {"task_struct", "sched_info.", false},
      {"task_struct", "", false},
      {"no_such_struct", "pid", false},
      {"", "pid", false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(kernel_->has_field(row.structure, row.member), row.expected)
        << row.structure << "." << row.member;
  }
}

TEST_F(KernelBtfTest, NamesEnumerators) {
  const auto types = kernel_->enumerators("bpf_map_type");
  ASSERT_TRUE(types);
  EXPECT_EQ(types->at(1), "BPF_MAP_TYPE_HASH");
  EXPECT_EQ(kernel_->enumerators("no_such_enum"), std::nullopt);
  EXPECT_EQ(kernel_->enumerators("task_struct"), std::nullopt);
}

TEST(EssentialName, LeavesTheFlavourOut) {
  struct Row {
    const char* name;
    const char* essential;
  };
  const Row rows[] = {{"request", "request"}, {"request___old", "request"},
                      {"a___b___c", "a___b"}, {"request___", "request___"},
                      {"___old", "___old"},   {"a____b", "a____b"},
                      {"a__b", "a__b"},       {"", ""},
                      {"x___y____z", "x"}};
  for (const Row& row : rows) EXPECT_EQ(essential_name(row.name), row.essential) << row.name;
}

TEST(KernelBtf, HasTypesOfModulesBesideThoseOfTheImage) {
  FakeKernel files;
  const int number = btf__add_int(files.image(), "int", 4, BTF_INT_SIGNED);
  btf__add_struct(files.image(), "in_image", 4);
  btf__add_field(files.image(), "member", number, 0, 0);
  const int own = btf__add_struct(files.module(), "in_module", 4);
  btf__add_field(files.module(), "member", number, 0, 0);
  btf__add_func(files.module(), "module_function", BTF_FUNC_STATIC,
                btf__add_func_proto(files.module(), number));
  files.write();

  const Result<KernelBtf> kernel = KernelBtf::load(files.sysfs());
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_TRUE(kernel->has_field("in_image", "member"));
  EXPECT_FALSE(kernel->has_field("in_module", "member"));
  EXPECT_TRUE(kernel->module_has_function("module_function"));
  EXPECT_FALSE(kernel->module_has_function("no_such_function"));
  EXPECT_EQ(kernel->function_id("module_function"), std::nullopt);
  int modules = 0;
  kernel->for_each_module([&](const btf* module) {
    ++modules;
    EXPECT_EQ(btf__find_by_name_kind(module, "in_module", BTF_KIND_STRUCT), own);
  });
  EXPECT_EQ(modules, 1);
}

TEST(KernelBtf, NamesTheFileAndTheRemedyWhenThereIsNone) {
  const Result<KernelBtf> kernel = KernelBtf::load("/nonexistent");
  ASSERT_FALSE(kernel);
  EXPECT_NE(kernel.error().message.find("/nonexistent/kernel/btf/vmlinux"), std::string::npos);
  EXPECT_NE(kernel.error().message.find("CONFIG_DEBUG_INFO_BTF"), std::string::npos);
}

}  // namespace
}  // namespace kernel_exporter

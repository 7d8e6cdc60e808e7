// SPDX-License-Identifier: Apache-2.0
#include "probe/kernel_btf.h"

#include <gtest/gtest.h>

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

TEST_F(KernelBtfTest, KnowsFunctions) {
  EXPECT_TRUE(kernel_->has_function("vfs_read"));
  EXPECT_FALSE(kernel_->has_function("no_such_function"));
  EXPECT_FALSE(kernel_->has_function("task_struct"));
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

TEST(KernelBtf, NamesTheFileAndTheRemedyWhenThereIsNone) {
  const Result<KernelBtf> kernel = KernelBtf::load("/nonexistent");
  ASSERT_FALSE(kernel);
  EXPECT_NE(kernel.error().message.find("/nonexistent/kernel/btf/vmlinux"), std::string::npos);
  EXPECT_NE(kernel.error().message.find("CONFIG_DEBUG_INFO_BTF"), std::string::npos);
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "probe/btf_layout.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include "probe/btf_check.h"
#include "probe/btf_handle.h"

namespace kernel_exporter {
namespace {

std::vector<std::byte> raw(const BtfHandle& types) {
  uint32_t size = 0;
  const auto* data = static_cast<const std::byte*>(btf__raw_data(types.get(), &size));
  return {data, data + size};
}

// Thirty unions, each with the one before it twice: two to the power of thirty members.
TEST(BtfLayout, StopsAtUnionsOfUnions) {
  const BtfHandle types(btf__new_empty());
  int inner = btf__add_int(types.get(), "u64", 8, 0);
  for (int i = 0; i < 30; ++i) {
    const int outer = btf__add_union(types.get(), nullptr, 8);
    btf__add_field(types.get(), nullptr, inner, 0, 0);
    btf__add_field(types.get(), nullptr, inner, 0, 0);
    inner = outer;
  }
  const int value = btf__add_struct(types.get(), "value", 8);
  btf__add_field(types.get(), nullptr, inner, 0, 0);
  LayoutBudget budget;
  layout_of(types.get(), static_cast<uint32_t>(value), "value", budget);
  EXPECT_TRUE(budget.spent());
}

// A structure in a structure, each with a long name: paths grow with the depth.
TEST(BtfLayout, StopsAtPathsThatAreLongTogether) {
  const BtfHandle types(btf__new_empty());
  const std::string name(500, 'x');
  int inner = btf__add_int(types.get(), "u64", 8, 0);
  for (int i = 0; i < 4; ++i) {
    const int outer = btf__add_struct(types.get(), ("s" + std::to_string(i)).c_str(), 8);
    for (int n = 0; n < 20; ++n) btf__add_field(types.get(), name.c_str(), inner, 0, 0);
    inner = outer;
  }
  LayoutBudget budget;
  layout_of(types.get(), static_cast<uint32_t>(inner), "value", budget);
  EXPECT_EQ(budget.text_bytes, 0u);
  EXPECT_GT(budget.members, 0u);
}

TEST(BtfLayout, LeavesMostOfTheBudgetWithTypesAsTheyAre) {
  const BtfHandle types(btf__new_empty());
  const int number = btf__add_int(types.get(), "u64", 8, 0);
  const int value = btf__add_struct(types.get(), "value", 8 * 64);
  for (uint32_t i = 0; i < 64; ++i) {
    btf__add_field(types.get(), ("field" + std::to_string(i)).c_str(), number, i * 64, 0);
  }
  LayoutBudget budget;
  const Layout layout = layout_of(types.get(), static_cast<uint32_t>(value), "value", budget);
  EXPECT_EQ(layout.fields.size(), 64u);
  EXPECT_FALSE(budget.spent());
}

BtfHandle with_enum(int enumerators) {
  BtfHandle types(btf__new_empty());
  for (int i = 0; i < enumerators; ++i) {
    if (i % 65'000 == 0) btf__add_enum(types.get(), "numbers", 4);
    btf__add_enum_value(types.get(), "SAME_NAME", i);
  }
  return types;
}

TEST(CheckBtf, RefusesWhatSmallBtfBlowsUp) {
  EXPECT_TRUE(check_btf(raw(with_enum(65'536))));
  const auto many = check_btf(raw(with_enum(65'537)));
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().message, "its BTF has more than 65536 enumerators");

  const BtfHandle names(btf__new_empty());
  const int number = btf__add_int(names.get(), std::string(512, 'n').c_str(), 4, 0);
  EXPECT_TRUE(check_btf(raw(names)));
  for (int i = 0; i < 40'000; ++i)
    btf__add_typedef(names.get(), std::string(512, 'n').c_str(), number);
  const auto long_together = check_btf(raw(names));
  ASSERT_FALSE(long_together);
  EXPECT_EQ(long_together.error().message, "its BTF has more than 16 MiB of names");

  const BtfHandle one(btf__new_empty());
  btf__add_int(one.get(), std::string(513, 'n').c_str(), 4, 0);
  EXPECT_FALSE(check_btf(raw(one)));
}

}  // namespace
}  // namespace kernel_exporter

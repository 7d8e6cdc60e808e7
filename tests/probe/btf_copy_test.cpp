// SPDX-License-Identifier: Apache-2.0
#include "probe/btf_copy.h"

#include <gtest/gtest.h>

#include <string>

#include "probe/btf_layout.h"

namespace kernel_exporter {
namespace {

// The copy of one type, with the members of these names.
BtfHandle copy_of(const BtfHandle& source, int id, std::unordered_set<std::string_view> names) {
  BtfCopy copy(std::move(names));
  copy.set_source(source.get(), btf__type_cnt(source.get()));
  EXPECT_GT(copy.add(static_cast<uint32_t>(id)), 0);
  const std::vector<std::byte> raw = copy.bytes();
  return BtfHandle(btf__new(raw.data(), static_cast<uint32_t>(raw.size())));
}

const btf_type* find(const BtfHandle& types, const char* name) {
  const int id = btf__find_by_name_kind(types.get(), name, BTF_KIND_STRUCT);
  return id > 0 ? btf__type_by_id(types.get(), id) : nullptr;
}

std::string_view member_name(const BtfHandle& types, const btf_type* type, int index) {
  return btf_name(types.get(), btf_members(type)[index].name_off);
}

TEST(BtfCopy, KeepsThePlaceOfMembersThatAreLeftOut) {
  const BtfHandle source(btf__new_empty());
  const int number = btf__add_int(source.get(), "int", 4, 0);
  btf__add_struct(source.get(), "inner", 4);
  btf__add_field(source.get(), "number", number, 0, 0);
  const int outer = btf__add_struct(source.get(), "outer", 12);
  btf__add_field(source.get(), "first", number, 0, 0);
  btf__add_field(source.get(), "bits", number, 32, 3);
  btf__add_field(source.get(), "inner", number + 1, 64, 0);

  const BtfHandle copied = copy_of(source, outer, {"", "bits"});
  ASSERT_TRUE(copied);
  const btf_type* type = find(copied, "outer");
  ASSERT_TRUE(type);
  EXPECT_EQ(type->size, 12u);
  ASSERT_EQ(btf_vlen(type), 3);
  EXPECT_EQ(member_name(copied, type, 0), "");
  EXPECT_EQ(btf_members(type)[0].type, 0u);
  EXPECT_EQ(member_name(copied, type, 1), "bits");
  EXPECT_EQ(btf_member_bit_offset(type, 1), 32u);
  EXPECT_EQ(btf_member_bitfield_size(type, 1), 3u);
  EXPECT_EQ(member_name(copied, type, 2), "");
  EXPECT_FALSE(find(copied, "inner"));
}

TEST(BtfCopy, TakesWhatIsContainedByValueButNotBehindPointers) {
  const BtfHandle source(btf__new_empty());
  const int number = btf__add_int(source.get(), "int", 4, 0);
  const int behind = btf__add_struct(source.get(), "behind", 4);
  btf__add_field(source.get(), "member", number, 0, 0);
  const int pointer = btf__add_ptr(source.get(), behind);
  const int inner = btf__add_struct(source.get(), "inner", 8);
  btf__add_field(source.get(), "member", pointer, 0, 0);
  const int array = btf__add_array(source.get(), number, btf__add_const(source.get(), inner), 3);
  const int anonymous = btf__add_union(source.get(), "", 24);
  btf__add_field(source.get(), "member", array, 0, 0);
  const int outer = btf__add_struct(source.get(), "outer", 24);
  btf__add_field(source.get(), "", anonymous, 0, 0);

  const BtfHandle copied = copy_of(source, outer, {"", "member"});
  ASSERT_TRUE(copied);
  const btf_type* type = find(copied, "inner");
  ASSERT_TRUE(type);
  EXPECT_EQ(member_name(copied, type, 0), "member");
  EXPECT_FALSE(find(copied, "behind"));
  const auto outer_id =
      static_cast<uint32_t>(btf__find_by_name_kind(copied.get(), "outer", BTF_KIND_STRUCT));
  EXPECT_EQ(btf__resolve_size(copied.get(), outer_id), 24);
}

TEST(BtfCopy, EndsOnTypesThatContainThemselves) {
  const BtfHandle source(btf__new_empty());
  const int loop = btf__add_struct(source.get(), "loop", 4);
  btf__add_field(source.get(), "again", loop, 0, 0);
  btf__add_field(source.get(), "again", loop, 0, 0);
  EXPECT_TRUE(find(copy_of(source, loop, {"again"}), "loop"));
}

}  // namespace
}  // namespace kernel_exporter

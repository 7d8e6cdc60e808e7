// SPDX-License-Identifier: Apache-2.0
#include "probe/layout.h"

#include <gtest/gtest.h>

#include <array>

namespace kernel_exporter {
namespace {

TEST(Layout, FindsFieldsByPathOnly) {
  Layout layout;
  layout.fields.resize(2);
  layout.fields[0].path = "device";
  layout.fields[1].path = "device.major";
  EXPECT_EQ(layout.find("device.major"), &layout.fields[1]);
  EXPECT_EQ(layout.find("device"), &layout.fields[0]);
  EXPECT_EQ(layout.find("major"), nullptr);
  EXPECT_EQ(layout.find(""), nullptr);
}

TEST(ReadInteger, ReadsEverySizeAndSign) {
  struct Row {
    const char* name;
    FieldKind kind;
    uint32_t offset;
    uint32_t size;
    int64_t lowest_name;
    uint64_t expected;
  };
  constexpr uint64_t kMinusOne = ~uint64_t{0};
  const Row rows[] = {
      {"unsigned byte", FieldKind::kUnsigned, 0, 1, 0, 0xff},
      {"signed byte", FieldKind::kSigned, 0, 1, 0, kMinusOne},
      {"signed half", FieldKind::kSigned, 0, 2, 0, kMinusOne},
      {"unsigned word", FieldKind::kUnsigned, 0, 4, 0, 0xffffffff},
      {"unsigned long", FieldKind::kUnsigned, 0, 8, 0, 0x00000002ffffffff},
      {"positive signed word", FieldKind::kSigned, 4, 4, 0, 2},
      {"enum without negative names", FieldKind::kEnum, 0, 4, 0, 0xffffffff},
      {"enum with a negative name", FieldKind::kEnum, 0, 4, -1, kMinusOne},
      {"unaligned", FieldKind::kUnsigned, 3, 2, 0, 0x02ff},
      {"no integer", FieldKind::kBytes, 0, 3, 0, 0},
      {"ends behind the bytes", FieldKind::kUnsigned, 5, 4, 0, 0},
      {"begins behind the bytes", FieldKind::kUnsigned, 9, 1, 0, 0},
  };
  const std::array<std::byte, 8> bytes = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                          std::byte{0xff}, std::byte{2}};
  for (const Row& row : rows) {
    Field field;
    field.kind = row.kind;
    field.offset = row.offset;
    field.size = row.size;
    if (row.kind == FieldKind::kEnum) field.enumerators[row.lowest_name] = "NAME";
    EXPECT_EQ(read_integer(field, bytes), row.expected) << row.name;
  }
}

}  // namespace
}  // namespace kernel_exporter

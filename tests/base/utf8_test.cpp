// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

#define R "\xEF\xBF\xBD"  // U+FFFD

struct Row {
  std::string in;
  std::string out;
};

TEST(Utf8, LeavesValidTextAlone) {
  const std::string valid[] = {
      "",
      "plain \"text\"\\\n\t",
      std::string("nul\0inside", 10),
      "\x7f",
      "\xC2\x80",
      "\xDF\xBF",
      "\xE0\xA0\x80",
      "\xED\x9F\xBF",
      "\xEE\x80\x80",
      "\xEF\xBF\xBF",
      "\xF0\x90\x80\x80",
      "\xF4\x8F\xBF\xBF",
      "\xE8\xBD\xA6 \xF0\x9F\x9A\x97",
  };
  for (const std::string& text : valid) EXPECT_EQ(to_valid_utf8(text), text);
}

TEST(Utf8, ReplacesEveryByteThatBelongsToNoCodePoint) {
  const Row rows[] = {
      {"\x80", R},
      {"\xff\xfe", R R},
      {"a\xffz", "a" R "z"},
      {"\xC0\xAF", R R},              // overlong '/'
      {"\xC1\xBF", R R},              // overlong
      {"\xE0\x9F\xBF", R R R},        // overlong
      {"\xF0\x8F\xBF\xBF", R R R R},  // overlong
      {"\xED\xA0\x80", R R R},        // surrogate
      {"\xED\xBF\xBF", R R R},        // surrogate
      {"\xF4\x90\x80\x80", R R R R},  // U+110000
      {"\xF5\x80\x80\x80", R R R R},
      {"\xC3", R},  // cut off
      {"\xE2\x82", R R},
      {"\xF0\x9F\x9A", R R R},
      {"\xC3"
       "A",
       R "A"},
      {"\xE2\x82"
       "A",
       R R "A"},
      {"\xE2\xC3\x84", R "\xC3\x84"},  // begins anew within
      {"\xF0\x9F\x9A\x97\x97", "\xF0\x9F\x9A\x97" R},
  };
  for (const Row& row : rows) EXPECT_EQ(to_valid_utf8(row.in), row.out);
}

TEST(Utf8, IsStableUnderRepetition) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second), 'x'};
      const std::string once = to_valid_utf8(text);
      EXPECT_EQ(to_valid_utf8(once), once);
      EXPECT_EQ(once.back(), 'x');
    }
  }
}

}  // namespace
}  // namespace kernel_exporter

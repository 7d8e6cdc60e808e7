// SPDX-License-Identifier: Apache-2.0
#include "metrics/label_block.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

struct Row {
  const char* value;
  const char* block;
};

TEST(LabelBlock, EscapesWhatTheFormatsEscapeAndNothingElse) {
  const Row rows[] = {
      {"", R"(a="")"},
      {"plain", R"(a="plain")"},
      {"quo\"te", R"(a="quo\"te")"},
      {"back\\slash", R"(a="back\\slash")"},
      {"two\nlines", R"(a="two\nlines")"},
      {"\\n", R"(a="\\n")"},
      {"\\\"\n", R"(a="\\\"\n")"},
      {"tab\tcr\r", "a=\"tab\tcr\r\""},
      {"{,}=", R"(a="{,}=")"},
      {"gr\xc3\xb6\xc3\x9f"
       "e",
       "a=\"gr\xc3\xb6\xc3\x9f"
       "e\""},
  };
  for (const auto& row : rows) {
    std::string block;
    append_label(block, "a", row.value);
    EXPECT_EQ(block, row.block);
  }
}

TEST(LabelBlock, SeparatesLabelsByCommas) {
  std::string block;
  append_label(block, "device", "eth0");
  append_label(block, "reason", "no,\"socket\"");
  append_label(block, "cpu", "1");
  EXPECT_EQ(block, R"(device="eth0",reason="no,\"socket\"",cpu="1")");
}

TEST(LabelBlock, KeepsNulBytes) {
  std::string block;
  append_label(block, "a", std::string_view("x\0y", 3));
  EXPECT_EQ(block, std::string("a=\"x\0y\"", 7));
}

}  // namespace
}  // namespace kernel_exporter

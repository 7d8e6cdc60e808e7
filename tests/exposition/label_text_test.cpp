// SPDX-License-Identifier: Apache-2.0
#include "exposition/label_text.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

std::string text_of(std::initializer_list<Label> labels) {
  std::string text;
  append_label_text({labels.begin(), labels.size()}, text);
  return text;
}

struct Row {
  const char* value;
  const char* text;
};

TEST(LabelText, EscapesWhatTheFormatsEscapeAndNothingElse) {
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
    EXPECT_EQ(text_of({{"a", row.value}}), row.text);
  }
}

TEST(LabelText, SeparatesLabelsByCommas) {
  EXPECT_EQ(text_of({{"device", "eth0"}, {"reason", "no,\"socket\""}, {"cpu", "1"}}),
            R"(device="eth0",reason="no,\"socket\"",cpu="1")");
}

TEST(LabelText, KeepsNulBytes) {
  EXPECT_EQ(text_of({{"a", std::string_view("x\0y", 3)}}), std::string("a=\"x\0y\"", 7));
}

}  // namespace
}  // namespace kernel_exporter

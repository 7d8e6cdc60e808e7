// SPDX-License-Identifier: Apache-2.0
#include "metrics/labels.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

using Pairs = std::vector<Label>;

int encodings = 0;

void with_commas(std::span<const Label> labels, std::string& out) {
  ++encodings;
  for (const Label& label : labels) out.append(label.name).append("=").append(label.value) += ',';
}
void names_alone(std::span<const Label> labels, std::string& out) {
  for (const Label& label : labels) out.append(label.name);
}

std::string packed(std::initializer_list<std::string_view> values) {
  std::string text;
  for (const std::string_view value : values) append_packed(text, value);
  return text;
}

TEST(Labels, GiveTheirPairsInOrder) {
  const std::vector<std::string> names = {"device", "reason", "cpu"};
  const std::string nul("x\0y", 3);
  const std::string values = packed({"eth0", "", nul});
  EncodedLabels kept;
  const Labels labels(names, values, kept);
  EXPECT_EQ(labels.pairs(), (Pairs{{"device", "eth0"}, {"reason", ""}, {"cpu", nul}}));
  EXPECT_FALSE(labels.empty());
  EXPECT_TRUE(Labels().empty());
  EXPECT_TRUE(Labels().pairs().empty());
}

TEST(Labels, PackedValuesAreEqualOnlyWhereEachIs) {
  EXPECT_NE(packed({"a", "b"}), packed({"ab", ""}));
  EXPECT_NE(packed({"a", "b"}), packed({"", "ab"}));
  EXPECT_NE(packed({"", "a"}), packed({"a", ""}));
  EXPECT_EQ(packed({"a", "b"}), packed({"a", "b"}));
}

TEST(Labels, OfAKeptSeriesAreEncodedOnceAForm) {
  const std::vector<std::string> names = {"a"};
  const std::string values = packed({"1"});
  EncodedLabels kept;
  std::string unused;
  encodings = 0;
  for (int scrape = 0; scrape < 3; ++scrape) {
    EXPECT_EQ(Labels(names, values, kept).encoded(with_commas, unused), "a=1,");
  }
  EXPECT_EQ(encodings, 1);
  EXPECT_EQ(Labels(names, values, kept).encoded(names_alone, unused), "a");
  EXPECT_EQ(Labels(names, values, kept).encoded(with_commas, unused), "a=1,");
  EXPECT_EQ(encodings, 2);
  EXPECT_EQ(unused, "");
}

TEST(Labels, OfOneCallAreEncodedInIt) {
  const Label pairs[] = {{"a", "1"}, {"b", "2"}};
  const Labels labels{std::span<const Label>(pairs)};
  std::string scratch;
  EXPECT_EQ(labels.encoded(with_commas, scratch), "a=1,b=2,");
  EXPECT_EQ(Labels().encoded(with_commas, scratch), "");
}

}  // namespace
}  // namespace kernel_exporter

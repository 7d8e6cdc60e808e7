// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

#include "base/unix_address.h"

namespace kernel_exporter {
namespace {

TEST(Trimmed, TakesBlanksFromBothEnds) {
  EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
  EXPECT_EQ(trimmed("a"), "a");
  EXPECT_EQ(trimmed(" \t"), "");
  EXPECT_EQ(trimmed(""), "");
  EXPECT_EQ(trimmed(" a\n", " "), "a\n");
}

TEST(WordsOf, FindsWhatIsBetweenBlanks) {
  EXPECT_EQ(words_of("  a bc\t\nd "), (std::vector<std::string_view>{"a", "bc", "d"}));
  EXPECT_TRUE(words_of(" \n").empty());
  EXPECT_EQ(words_of("a b\n\nc", "\n"), (std::vector<std::string_view>{"a b", "c"}));
}

TEST(UnixAddress, HoldsAPathOf107BytesAndNoLongerOne) {
  const std::string longest(107, 'a');
  const auto address = unix_address(longest);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->sun_path, longest);
  EXPECT_FALSE(unix_address(longest + "a"));
}

}  // namespace
}  // namespace kernel_exporter

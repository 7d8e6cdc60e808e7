// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

TEST(Error, IsOneLineWhateverItNames) {
  const auto message_of = [](std::string_view text) { return fail(text).value().message; };
  EXPECT_EQ(message_of("symbol größe is outside its section"),
            "symbol größe is outside its section");
  EXPECT_EQ(message_of("symbol a\nb is outside its section"),
            "symbol a\\nb is outside its section");
  EXPECT_EQ(message_of("\x1b[2J\x7f"), "\\x1b[2J\\x7f");
  EXPECT_EQ(message_of("\xc2\x85\xc2\x9b[2J\xc2\xa0"), "\\x85\\x9b[2J\xc2\xa0");
  EXPECT_EQ(message_of("a\xffz"), "a\uFFFDz");
  EXPECT_EQ(fail(Error{"b\\n"}, "a\n").value().message, "a\\n: b\\n");
}

}  // namespace
}  // namespace kernel_exporter

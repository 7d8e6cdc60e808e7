// SPDX-License-Identifier: Apache-2.0
#include "host/text_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/host/temporary_tree.h"

namespace kernel_exporter {
namespace {

TEST(TextFile, IsReadWhole) {
  TemporaryTree tree;
  const std::string large(300'000, 'x');
  tree.file("large", large);
  tree.file("empty", "");
  EXPECT_EQ(read_text_file(tree.path("large")).value_or(""), large);
  EXPECT_EQ(read_text_file(tree.path("empty")).value_or("error"), "");
  EXPECT_FALSE(read_text_file("/proc/self/stat").value_or("").empty());
}

TEST(TextFile, IsCutAtTheLimit) {
  TemporaryTree tree;
  tree.file("file", "0123456789");
  EXPECT_EQ(read_text_file(tree.path("file"), 4).value_or(""), "0123");
  const std::string large(100'000, 'x');
  tree.file("large", large);
  for (const size_t limit : {4095, 4096, 4097, 70'000}) {
    EXPECT_EQ(read_text_file(tree.path("large"), limit).value_or("").size(), limit);
  }
}

TEST(TextFile, IsNamedInErrors) {
  TemporaryTree tree;
  for (const std::string& path : {tree.path("absent"), tree.path("")}) {
    const auto text = read_text_file(path);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().message.rfind(path, 0), 0u) << text.error().message;
  }
}

TEST(TextFile, NeverWaitsForTheWriterOfAFifo) {
  TemporaryTree tree;
  ASSERT_EQ(::mkfifo(tree.path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_text_file(tree.path("fifo")).value_or("error"), "");
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "labels/decoder.h"

namespace kernel_exporter {
namespace {

// The names in the first column of the table: lines that begin with "| `NAME`".
std::set<std::string> documented_names() {
  std::ifstream page(KERNEL_EXPORTER_SOURCE_DIR "/docs/decoders.md");
  std::set<std::string> names;
  const std::string begin = "| `";
  for (std::string line; std::getline(page, line);) {
    if (line.rfind(begin, 0) != 0) continue;
    names.insert(line.substr(begin.size(), line.find('`', begin.size()) - begin.size()));
  }
  return names;
}

TEST(DecoderDocumentation, HasOneRowForEachDecoder) {
  std::set<std::string> known;
  for (const std::string_view name : decoder_names()) known.emplace(name);
  EXPECT_EQ(documented_names(), known);
}

}  // namespace
}  // namespace kernel_exporter

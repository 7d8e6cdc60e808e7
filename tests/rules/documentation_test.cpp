// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include "compiled.h"

namespace kernel_exporter {
namespace {

// The blocks fenced by ```yaml in docs/rules.md, with the line each begins at.
std::vector<std::pair<int, std::string>> examples() {
  std::ifstream page(KERNEL_EXPORTER_SOURCE_DIR "/docs/rules.md");
  std::vector<std::pair<int, std::string>> blocks;
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(page, line);) {
    ++number;
    if (!inside && line == "```yaml") {
      inside = true;
      blocks.emplace_back(number, "");
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      blocks.back().second += line + '\n';
    }
  }
  return blocks;
}

TEST(RuleDocumentation, HasOnlyExamplesThatCompile) {
  const auto blocks = examples();
  EXPECT_GE(blocks.size(), 5u);
  for (const auto& [line, text] : blocks) {
    EXPECT_EQ(faults_of(text), "") << "docs/rules.md:" << line;
  }
}

}  // namespace
}  // namespace kernel_exporter

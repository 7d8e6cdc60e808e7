// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/cgroup/cgroup_engine.h"

#include <gtest/gtest.h>

#include "../adapter_section.h"

namespace kernel_exporter {
namespace {

TEST(CgroupEngine, ParsesAListOfEngines) {
  const auto engines = parsed_adapter(
      "[{engine: a, glob: /a.slice/*}, {engine: b, glob: /b.service}]", parse_cgroup_config);
  ASSERT_EQ(engines.size(), 2u);
  EXPECT_EQ(engines[0].engine, "a");
  EXPECT_EQ(engines[0].glob, "/a.slice/*");
  EXPECT_EQ(engines[1].engine, "b");
}

TEST(CgroupEngine, NamesWhatIsWrong) {
  const std::string glob =
      "f:1: \"glob\" must match paths below the cgroup2 root, such as /ota.slice/*";
  struct Row {
    const char* text;
    std::string message;
  };
  const Row rows[] = {
      {"{engine: a, glob: /a}", "f:1: \"cgroup\" must be a list of {engine, glob}"},
      {"[{engine: a}]", "f:1: adapter cgroup has no \"glob\""},
      {"[{glob: /a}]", "f:1: adapter cgroup has no \"engine\""},
      {"[{engine: a b, glob: /a}]",
       "f:1: \"a b\" is not an engine name: at most 32 letters, digits, \"_\", \"-\", \".\""},
      {"[{engine: a, glob: /}]", glob},
      {"[{engine: a, glob: a.slice}]", glob},
      {"[{engine: a, glob: /a, x: 1}]",
       "f:1: unknown key \"x\" in adapter cgroup, expected one of \"engine\", \"glob\""},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(faults_of_adapter(row.text, parse_cgroup_config),
              std::vector<std::string>{row.message});
  }
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/yaml_section.h"

namespace kernel_exporter {

// Parses `text` as what stands behind an adapter's key in the file "f"; gives the messages.
std::vector<std::string> faults_of_adapter(const std::string& text, auto parse) {
  Diagnostics faults;
  const YAML::Node root = YAML::Load("{}");
  const YamlSection adapters(root, "f", "adapters", faults);
  parse(YAML::Load(text), adapters);
  return faults.messages();
}

// As above, for text without a fault; gives what was parsed.
auto parsed_adapter(const std::string& text, auto parse) {
  Diagnostics faults;
  const YAML::Node root = YAML::Load("{}");
  const YamlSection adapters(root, "f", "adapters", faults);
  auto parsed = parse(YAML::Load(text), adapters);
  EXPECT_EQ(faults.messages(), std::vector<std::string>()) << text;
  return parsed;
}

}  // namespace kernel_exporter

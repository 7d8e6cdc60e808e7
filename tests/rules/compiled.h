// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "probe/object.h"
#include "rules/compile.h"
#include "rules/parse.h"

namespace kernel_exporter {

// The project's own object, looked into once.
inline const ObjectInfo& own_object() {
  static const Result<ObjectInfo> object = inspect_object("own", embedded_object());
  return *object;
}

// A compiler as `check` has it on a machine of 4 CPUs whose kernel has no BTF.
inline CompileContext test_context() {
  static HostTables host{HostPaths{}};
  CompileContext context;
  context.embedded_object = &own_object();
  context.host = &host;
  context.possible_cpus = 4;
  return context;
}

// Rule texts through parser and compiler, one after the other, as if they were files.
class Rules {
 public:
  explicit Rules(const CompileContext& context = test_context()) : compiler_(context) {}

  // True when the text is part of the plan now.
  bool add(const std::string& path, const std::string& text) {
    Diagnostics faults;
    const RuleFile file = parse_rules(path, text, faults);
    const bool good = faults.empty() && compiler_.add(file, faults);
    diagnostics_.append(faults);
    return good;
  }
  Plan finish() { return compiler_.finish(); }

  // All messages, one a line.
  std::string messages() const {
    std::string lines;
    for (const std::string& message : diagnostics_.messages()) lines += message + '\n';
    return lines;
  }

 private:
  RuleCompiler compiler_;
  Diagnostics diagnostics_;
};

inline std::string faults_of(const std::string& text) {
  Rules rules;
  rules.add("test.yaml", text);
  return rules.messages();
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "metrics/collector.h"
#include "rules/compile.h"
#include "rules/parse.h"
#include "sample_text.h"

namespace kernel_exporter {

// Maps by name to whatever descriptors a test gives them, with no program behind.
class FakeObject : public LoadedObject {
 public:
  explicit FakeObject(const ObjectInfo& info) : info_(info) {}
  std::map<std::string, int, std::less<>> fds;

  std::vector<ProgramStatus> programs() const override { return {}; }
  Result<void> attach_requested(bool) override { return {}; }
  int map_fd(std::string_view name) const override {
    const auto found = fds.find(name);
    return found == fds.end() ? -1 : found->second;
  }
  const MapInfo* map(std::string_view name) const override { return info_.map(name); }

 private:
  const ObjectInfo& info_;
};

inline const ObjectInfo& own_object() {
  static const Result<ObjectInfo> object = inspect_object("own", embedded_object());
  return *object;
}

inline HostTables& test_host() {
  static HostTables host{HostPaths{}};
  return host;
}

inline Plan compile(const std::string& text) {
  CompileContext context;
  context.embedded_object = &own_object();
  context.host = &test_host();
  RuleCompiler compiler(context);
  Diagnostics faults;
  compiler.add(parse_rules("test.yaml", text, faults), faults);
  EXPECT_TRUE(faults.empty()) << faults.messages().front();
  return compiler.finish();
}

// Samples by "name{labels}"; a series or a family that comes twice fails the test.
class CollectedSamples : public SampleSink {
 public:
  std::map<std::string, double> values;
  std::map<std::string, size_t> families;

  void begin_family(const FamilyHeader& family) override {
    name_ = family.name;
    EXPECT_EQ(++families[name_], 1u) << name_;
  }
  void sample(const Sample& sample) override {
    const std::string series = name_ + "{" + text_of(sample.labels) + "}";
    EXPECT_TRUE(values.emplace(series, number_of(sample.value)).second) << series << " comes twice";
  }

 private:
  std::string name_;
};

inline std::chrono::steady_clock::time_point soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(20);
}

}  // namespace kernel_exporter

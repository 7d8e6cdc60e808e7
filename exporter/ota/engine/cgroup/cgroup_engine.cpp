// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/cgroup/cgroup_engine.h"

#include "ota/tracker/config.h"

namespace kernel_exporter {
namespace {

CgroupEngine parse_one(const YAML::Node& node, const YamlSection& adapters) {
  YamlSection section(node, adapters.file(), "adapter cgroup", adapters.diagnostics());
  CgroupEngine one{section.required_text("engine"), section.required_text("glob")};
  if (!one.engine.empty() && !is_engine_name(one.engine)) {
    section.error(section.take("engine"), not_an_engine_name(one.engine));
  }
  // The root is never empty.
  if (!one.glob.empty() && (!one.glob.starts_with('/') || one.glob == "/")) {
    section.error(section.take("glob"),
                  "\"glob\" must match paths below the cgroup2 root, such as "
                  "/ota.slice/*");
  }
  section.finish();
  return one;
}

EngineSettings parse(const YAML::Node& node, const YamlSection& adapters) {
  const std::vector<CgroupEngine> engines = parse_cgroup_config(node, adapters);
  EngineSettings settings;
  for (const CgroupEngine& one : engines) settings.engines.push_back(one.engine);
  settings.start = [engines](EngineHost host) {
    return std::make_unique<CgroupAdapter>(engines, std::move(host));
  };
  return settings;
}

}  // namespace

std::vector<CgroupEngine> parse_cgroup_config(const YAML::Node& node, const YamlSection& adapters) {
  std::vector<CgroupEngine> engines;
  if (!node.IsSequence()) {
    adapters.error(node, "\"cgroup\" must be a list of {engine, glob}");
    return engines;
  }
  for (const YAML::Node& one : node) engines.push_back(parse_one(one, adapters));
  return engines;
}

EngineType cgroup_engine() { return {"cgroup", &parse}; }

}  // namespace kernel_exporter

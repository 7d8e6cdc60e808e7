// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/swupdate/swupdate_engine.h"

#include "config/section_values.h"

namespace kernel_exporter {

SwupdateConfig parse_swupdate_config(const YAML::Node& node, const YamlSection& adapters) {
  YamlSection section(node, adapters.file(), "adapter swupdate", adapters.diagnostics());
  SwupdateConfig config;
  if (!node.IsMap() || (!node["progress_socket"] && !node["control_socket"])) {
    config.otherwise = {"/run/swupdate/swupdateprog", "/run/swupdate/sockinstctrl"};
  }
  config.progress_socket = socket_path(section, "progress_socket", config.progress_socket);
  config.control_socket = socket_path(section, "control_socket", config.control_socket);
  section.finish();
  return config;
}

EngineType swupdate_engine() {
  return {"swupdate", [](const YAML::Node& node, const YamlSection& adapters) -> EngineSettings {
            const SwupdateConfig config = parse_swupdate_config(node, adapters);
            return {{"swupdate"}, [config](EngineHost host) {
                      return std::make_unique<SwupdateAdapter>(config, std::move(host));
                    }};
          }};
}

}  // namespace kernel_exporter

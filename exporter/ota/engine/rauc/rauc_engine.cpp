// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/rauc/rauc_engine.h"

namespace kernel_exporter {

RaucConfig parse_rauc_config(const YAML::Node& node, const YamlSection& adapters) {
  YamlSection section(node, adapters.file(), "adapter rauc", adapters.diagnostics());
  RaucConfig config;
  config.bus = section.text("bus");
  if (!config.bus.empty() && config.bus.find(':') == std::string::npos) {
    section.error(section.take("bus"),
                  "\"bus\" must be a D-Bus address such as unix:path=/run/dbus/system_bus_socket");
  }
  section.finish();
  return config;
}

EngineType rauc_engine() {
  return {"rauc", [](const YAML::Node& node, const YamlSection& adapters) -> EngineSettings {
            const RaucConfig config = parse_rauc_config(node, adapters);
            return {{"rauc"}, [config](EngineHost host) {
                      return start_rauc_adapter(config, std::move(host));
                    }};
          }};
}

}  // namespace kernel_exporter

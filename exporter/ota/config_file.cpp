// SPDX-License-Identifier: Apache-2.0
#include "ota/config_file.h"

#include <algorithm>

#include "config/one_document.h"
#include "config/yaml_section.h"
#include "host/text_file.h"
#include "ota/engines.h"

namespace kernel_exporter {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

std::vector<EngineSettings> parse_adapters(YamlSection& section) {
  std::vector<EngineSettings> settings;
  const YAML::Node node = section.take("adapters");
  if (node.IsNull()) return settings;
  YamlSection adapters(node, section.file(), "adapters", section.diagnostics());
  for (const EngineType& type : engine_types()) {
    const YAML::Node own = adapters.take(type.key);
    if (!own.IsNull()) settings.push_back(type.parse(own, adapters));
  }
  adapters.finish();
  return settings;
}

// The series of an engine that is followed exist from the start too.
void know_engine(OtaConfig& config, const std::string& engine) {
  const bool known =
      std::find(config.engines.begin(), config.engines.end(), engine) != config.engines.end();
  if (!known) config.engines.push_back(engine);
}

OtaConfigFile parse_document(const YAML::Node& document, const std::string& path,
                             Diagnostics& diagnostics) {
  YamlSection section(document, path, "OTA configuration", diagnostics);
  OtaConfigFile file;
  file.config = take_ota_config(section);
  file.adapters = parse_adapters(section);
  section.finish();
  for (const EngineSettings& adapter : file.adapters) {
    for (const std::string& engine : adapter.engines) know_engine(file.config, engine);
  }
  return file;
}

}  // namespace

OtaConfigFile parse_ota_config(const std::string& path, std::string_view text,
                               Diagnostics& diagnostics) {
  // An empty file is a configuration too: everything as by default.
  try {
    const YAML::Node document = load_one_document(std::string(text));
    if (document.IsNull()) return {};
    return parse_document(document, path, diagnostics);
  } catch (const YAML::Exception& error) {
    diagnostics.add({path, error.mark.is_null() ? 0 : error.mark.line + 1}, error.msg);
  } catch (const std::exception& error) {
    diagnostics.add({path, 0}, error.what());
  }
  return {};
}

OtaConfigFile read_ota_config(const std::string& path, Diagnostics& diagnostics) {
  const auto text = read_regular_file(path, kMaxFileBytes);
  if (text) return parse_ota_config(path, *text, diagnostics);
  // The error begins with the path, as the diagnostic does.
  diagnostics.add({path, 0}, "cannot be read" + text.error().message.substr(path.size()));
  return {};
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/tracker/config.h"

#include <algorithm>
#include <charconv>

#include "config/one_document.h"
#include "config/units.h"
#include "config/yaml_section.h"
#include "host/text_file.h"

namespace kernel_exporter {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr uint64_t kMinLedgerBytes = 16 << 10;
constexpr uint64_t kMaxLedgerBytes = 8 << 20;
// sun_path holds 107 characters and the end.
constexpr size_t kMaxSocketPath = 107;

std::string path_of(YamlSection& section, std::string_view key, std::string otherwise) {
  const YAML::Node node = section.take(key);
  if (node.IsNull()) return otherwise;
  std::string path = section.text(key);
  if (!path.starts_with('/') || path.ends_with('/')) {
    section.error(node, "\"" + std::string(key) + "\" must be the absolute path of a file");
  }
  return path;
}

template <typename Id>
std::vector<Id> ids_of(YamlSection& section, std::string_view key, std::vector<Id> otherwise) {
  const YAML::Node node = section.take(key);
  if (node.IsNull()) return otherwise;
  std::vector<Id> ids;
  for (const std::string& text : section.text_list(key)) {
    Id id = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (status != std::errc() || end != text.data() + text.size()) {
      section.error(
          node, "\"" + text + "\" in \"" + std::string(key) + "\" is not an id, expected a number");
    }
    ids.push_back(id);
  }
  return ids;
}

uint64_t number_of(YamlSection& section, std::string_view key, uint64_t otherwise, uint64_t least,
                   uint64_t most) {
  const uint64_t number = section.number(key).value_or(otherwise);
  if (number < least || number > most) {
    section.error(section.take(key), "\"" + std::string(key) + "\" must be from " +
                                         std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

int64_t time_of(YamlSection& section, std::string_view key, int64_t otherwise) {
  const YAML::Node node = section.take(key);
  if (node.IsNull()) return otherwise;
  static const Unit nanoseconds = *find_unit("nanoseconds");
  const auto time = parse_quantity(section.text(key), nanoseconds);
  if (time) return static_cast<int64_t>(*time);
  section.error(node, "\"" + std::string(key) + "\": " + time.error().message);
  return otherwise;
}

std::string no_engine_name(const std::string& name) {
  return "\"" + name + "\" is not an engine name: at most 32 letters, digits, \"_\", \"-\", \".\"";
}

void parse_engines(YamlSection& section, OtaConfig& config) {
  config.engines = section.text_list("engines");
  for (const std::string& engine : config.engines) {
    if (is_engine_name(engine)) continue;
    section.error(section.take("engines"), no_engine_name(engine));
  }
  constexpr size_t kMaxEngines = 16;
  if (config.engines.size() > kMaxEngines) {
    section.error(section.take("engines"), "more than 16 engines");
  }
}

void parse_devices(YamlSection& section, OtaConfig& config) {
  section.each_entry("devices", [&](const std::string& path, const YAML::Node& node) {
    const auto role = word_of<OtaRole>(kOtaRoleNames, node.IsScalar() ? node.Scalar() : "");
    if (!path.starts_with('/'))
      section.error(node, "device \"" + path + "\" is not an absolute path");
    if (!role) {
      section.error(node, "role of " + path + " must be one of " + quoted_list(kOtaRoleNames));
      return;
    }
    config.devices[path] = *role;
  });
}

// The series of an engine that is followed exist from the start too.
void know_engine(OtaConfig& config, const std::string& engine) {
  const bool known =
      std::find(config.engines.begin(), config.engines.end(), engine) != config.engines.end();
  if (!known) config.engines.push_back(engine);
}

void parse_rauc(YamlSection& adapters, OtaConfig& config) {
  const YAML::Node node = adapters.take("rauc");
  if (node.IsNull()) return;
  YamlSection section(node, adapters.file(), "adapter rauc", adapters.diagnostics());
  config.rauc.emplace();
  config.rauc->bus = section.text("bus");
  if (!config.rauc->bus.empty() && config.rauc->bus.find(':') == std::string::npos) {
    section.error(section.take("bus"),
                  "\"bus\" must be a D-Bus address such as unix:path=/run/dbus/system_bus_socket");
  }
  section.finish();
  know_engine(config, "rauc");
}

std::string socket_of(YamlSection& section, std::string_view key, std::string otherwise) {
  std::string path = path_of(section, key, std::move(otherwise));
  if (path.size() > kMaxSocketPath) {
    section.error(section.take(key),
                  "\"" + std::string(key) + "\" must have at most 107 characters");
  }
  return path;
}

// An empty section is one with everything as by default.
void parse_swupdate(YamlSection& adapters, OtaConfig& config) {
  const YAML::Node node = adapters.take("swupdate");
  if (node.IsNull()) return;
  YamlSection section(node, adapters.file(), "adapter swupdate", adapters.diagnostics());
  OtaSwupdateConfig& swupdate = config.swupdate.emplace();
  swupdate.progress_socket = socket_of(section, "progress_socket", swupdate.progress_socket);
  swupdate.control_socket = socket_of(section, "control_socket", swupdate.control_socket);
  section.finish();
  know_engine(config, "swupdate");
}

void parse_cgroup(const YAML::Node& node, const YamlSection& adapters, OtaConfig& config) {
  YamlSection section(node, adapters.file(), "adapter cgroup", adapters.diagnostics());
  OtaCgroupConfig cgroup{section.required_text("engine"), section.required_text("glob")};
  if (!cgroup.engine.empty() && !is_engine_name(cgroup.engine)) {
    section.error(section.take("engine"), no_engine_name(cgroup.engine));
  }
  // The root is never empty.
  if (!cgroup.glob.empty() && (!cgroup.glob.starts_with('/') || cgroup.glob == "/")) {
    section.error(section.take("glob"),
                  "\"glob\" must match paths below the cgroup2 root, such as "
                  "/ota.slice/*");
  }
  section.finish();
  know_engine(config, cgroup.engine);
  config.cgroups.push_back(std::move(cgroup));
}

void parse_cgroups(YamlSection& adapters, OtaConfig& config) {
  const YAML::Node list = adapters.take("cgroup");
  if (list.IsNull()) return;
  if (!list.IsSequence()) {
    adapters.error(list, "\"cgroup\" must be a list of {engine, glob}");
    return;
  }
  for (const YAML::Node& node : list) parse_cgroup(node, adapters, config);
}

// Each adapter takes its own key and is off without it.
void parse_adapters(YamlSection& section, OtaConfig& config) {
  const YAML::Node node = section.take("adapters");
  if (node.IsNull()) return;
  YamlSection adapters(node, section.file(), "adapters", section.diagnostics());
  parse_rauc(adapters, config);
  parse_swupdate(adapters, config);
  parse_cgroups(adapters, config);
  adapters.finish();
}

OtaConfig parse_document(const YAML::Node& document, const std::string& path,
                         Diagnostics& diagnostics) {
  OtaConfig config;
  YamlSection section(document, path, "OTA configuration", diagnostics);
  config.socket = socket_of(section, "socket", config.socket);
  config.allowed_uids = ids_of(section, "allowed_uids", config.allowed_uids);
  config.allowed_gids = ids_of(section, "allowed_gids", config.allowed_gids);
  config.ledger = path_of(section, "ledger", config.ledger);
  config.keep_transactions =
      number_of(section, "ledger_keep_transactions", config.keep_transactions, 1, 10'000);
  config.ledger_max_bytes = number_of(section, "ledger_max_bytes", config.ledger_max_bytes,
                                      kMinLedgerBytes, kMaxLedgerBytes);
  parse_engines(section, config);
  parse_devices(section, config);
  parse_adapters(section, config);
  const YAML::Node thresholds = section.take("thresholds");
  if (!thresholds.IsNull()) {
    YamlSection limits(thresholds, path, "thresholds", diagnostics);
    config.stall_ns = time_of(limits, "stall", config.stall_ns);
    config.starved_ns = time_of(limits, "starved", config.starved_ns);
    config.timeout_ns = time_of(limits, "timeout", config.timeout_ns);
    limits.finish();
  }
  section.finish();
  return config;
}

}  // namespace

bool is_engine_name(std::string_view name) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  return !name.empty() && name.size() <= 32 && kLetters.find(name[0]) != std::string_view::npos &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return kLetters.find(c) != std::string_view::npos || c == '_' || c == '-' || c == '.';
         });
}

OtaConfig parse_ota_config(const std::string& path, std::string_view text,
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

OtaConfig read_ota_config(const std::string& path, Diagnostics& diagnostics) {
  const auto text = read_text_file(path, kMaxFileBytes);
  if (text) return parse_ota_config(path, *text, diagnostics);
  // The error begins with the path, as the diagnostic does.
  diagnostics.add({path, 0}, "cannot be read" + text.error().message.substr(path.size()));
  return {};
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/tracker/config.h"

#include <algorithm>
#include <charconv>

#include "config/section_values.h"

namespace kernel_exporter {
namespace {

constexpr uint64_t kMinLedgerBytes = 16 << 10;
constexpr uint64_t kMaxLedgerBytes = 8 << 20;
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

void parse_engines(YamlSection& section, OtaConfig& config) {
  config.engines = section.text_list("engines");
  for (const std::string& engine : config.engines) {
    if (is_engine_name(engine)) continue;
    section.error(section.take("engines"), not_an_engine_name(engine));
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

void parse_thresholds(YamlSection& section, OtaConfig& config) {
  const YAML::Node node = section.take("thresholds");
  if (node.IsNull()) return;
  YamlSection limits(node, section.file(), "thresholds", section.diagnostics());
  config.stall_ns = duration_ns(limits, "stall", config.stall_ns);
  config.starved_ns = duration_ns(limits, "starved", config.starved_ns);
  config.timeout_ns = duration_ns(limits, "timeout", config.timeout_ns);
  limits.finish();
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

std::string not_an_engine_name(std::string_view name) {
  return "\"" + std::string(name) +
         "\" is not an engine name: at most 32 letters, digits, \"_\", \"-\", \".\"";
}

OtaConfig take_ota_config(YamlSection& section) {
  OtaConfig config;
  config.socket = socket_path(section, "socket", config.socket);
  config.allowed_uids = ids_of(section, "allowed_uids", config.allowed_uids);
  config.allowed_gids = ids_of(section, "allowed_gids", config.allowed_gids);
  config.ledger = file_path(section, "ledger", config.ledger);
  config.keep_transactions =
      number_between(section, "ledger_keep_transactions", config.keep_transactions, 1, 10'000);
  config.ledger_max_bytes = number_between(section, "ledger_max_bytes", config.ledger_max_bytes,
                                           kMinLedgerBytes, kMaxLedgerBytes);
  parse_engines(section, config);
  parse_devices(section, config);
  parse_thresholds(section, config);
  return config;
}

}  // namespace kernel_exporter

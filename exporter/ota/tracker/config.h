// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/yaml_section.h"
#include "ota/model/vocabulary.h"

namespace kernel_exporter {

// What the file behind `serve --ota.config` says of everything but adapters.
struct OtaConfig {
  std::string socket = "/run/kernel_exporter/ota.sock";
  std::vector<uid_t> allowed_uids = {0};
  std::vector<gid_t> allowed_gids;  // a primary or supplementary group of the agent
  std::string ledger = "/var/lib/kernel_exporter/ota.ledger";
  uint64_t keep_transactions = 100;
  uint64_t ledger_max_bytes = 256 << 10;
  std::vector<std::string> engines;        // their series exist from the start
  std::map<std::string, OtaRole> devices;  // by path
  int64_t stall_ns = 60'000'000'000;       // a download without progress; 0: no limit
  int64_t starved_ns = 30'000'000'000;     // without CPU, within twice that time; 0: no limit
  int64_t timeout_ns = 0;                  // a transaction as a whole; 0: no limit
};

// Letters, digits, "_", "-" and ".", a letter or digit first, at most 32: it becomes a label value.
bool is_engine_name(std::string_view name);

// The message for a name that is not one.
std::string not_an_engine_name(std::string_view name);

// Takes its keys out of the file; what is wrong becomes a diagnostic of the section.
OtaConfig take_ota_config(YamlSection& section);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.h"
#include "ota/model/vocabulary.h"

namespace kernel_exporter {

// The key `adapters` of the file, one member an engine; without its key an adapter is off.
struct OtaRaucConfig {
  std::string bus;  // a D-Bus address, "" for the system bus
};

struct OtaSwupdateConfig {
  std::string progress_socket = "/tmp/swupdateprog";
  std::string control_socket = "/tmp/sockinstctrl";
};

// An engine that nobody speaks for.
struct OtaCgroupConfig {
  std::string engine;
  std::string glob;  // of the paths of its cgroups below the cgroup2 root (host/cgroup_glob.h)
};

// The file behind `serve --ota.config`.
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
  std::optional<OtaRaucConfig> rauc;
  std::optional<OtaSwupdateConfig> swupdate;
  std::vector<OtaCgroupConfig> cgroups;
};

// Letters, digits, "_", "-" and ".", a letter or digit first, at most 32: it becomes a label value.
bool is_engine_name(std::string_view name);

// Adds to `diagnostics` everything that is wrong; the result is meaningful only while none was
// added.
OtaConfig parse_ota_config(const std::string& path, std::string_view text,
                           Diagnostics& diagnostics);
OtaConfig read_ota_config(const std::string& path, Diagnostics& diagnostics);

}  // namespace kernel_exporter

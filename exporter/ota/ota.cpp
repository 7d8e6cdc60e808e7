// SPDX-License-Identifier: Apache-2.0
#include "ota/ota.h"

#include "base/log.h"
#include "ota/model/clock.h"

namespace kernel_exporter {

Ota::Ota(OtaConfig config, const HostPaths& paths, std::string boot_id)
    : config_(std::move(config)),
      tracker_(config_, paths, std::move(boot_id)),
      agent_(tracker_, config_.devices),
      metrics_(tracker_, agent_) {}

Result<std::unique_ptr<Ota>> Ota::start(const std::string& config_file, const HostPaths& paths) {
  Diagnostics faults;
  OtaConfig config = read_ota_config(config_file, faults);
  if (!faults.empty()) {
    std::vector<std::string> messages = faults.messages();
    const std::string last = std::move(messages.back());
    messages.pop_back();
    for (const std::string& message : messages) spdlog::error("--ota.config: {}", message);
    return fail("--ota.config: " + last);
  }
  auto boot_id = read_boot_id(paths);
  if (!boot_id) return fail(boot_id.error(), "--ota.config");
  std::unique_ptr<Ota> ota(new Ota(std::move(config), paths, std::move(*boot_id)));
  auto server =
      OtaServer::start({ota->config_.socket, ota->config_.allowed_uids, ota->config_.allowed_gids},
                       ota->agent_, [tracker = &ota->tracker_] { tracker->tick(); });
  if (!server) return fail(server.error().message);
  ota->server_ = std::move(*server);
  spdlog::info("ota: listening on {}, ledger {}", ota->config_.socket, ota->config_.ledger);
  return ota;
}

}  // namespace kernel_exporter

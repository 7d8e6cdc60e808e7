// SPDX-License-Identifier: Apache-2.0
#include "ota/ota.h"

#include "base/log.h"
#include "ota/ledger/ledger.h"
#include "ota/model/clock.h"

namespace kernel_exporter {

Ota::Ota(OtaConfigFile file, const HostPaths& paths, std::string boot_id)
    : file_(std::move(file)),
      tracker_(file_.config, paths, std::move(boot_id)),
      agent_(tracker_, file_.config.devices),
      metrics_(tracker_, agent_) {}

Result<std::unique_ptr<Ota>> Ota::start(const std::string& config_file, const HostPaths& paths) {
  Diagnostics faults;
  OtaConfigFile file = read_ota_config(config_file, faults);
  if (!faults.empty()) {
    std::vector<std::string> messages = faults.messages();
    const std::string last = std::move(messages.back());
    messages.pop_back();
    for (const std::string& message : messages) spdlog::error("--ota.config: {}", message);
    return fail("--ota.config: " + last);
  }
  if (auto place = check_ledger_place(file.config.ledger); !place)
    return fail(place.error().message);
  auto boot_id = read_boot_id(paths);
  if (!boot_id) return fail(boot_id.error(), "--ota.config");
  std::unique_ptr<Ota> ota(new Ota(std::move(file), paths, std::move(*boot_id)));
  const OtaConfig& config = ota->config();
  auto server = OtaServer::start({config.socket, config.allowed_uids, config.allowed_gids},
                                 ota->agent_, [tracker = &ota->tracker_] { tracker->tick(); });
  if (!server) return fail(server.error().message);
  ota->server_ = std::move(*server);
  spdlog::info("ota: listening on {}, ledger {}", config.socket, config.ledger);
  return ota;
}

}  // namespace kernel_exporter

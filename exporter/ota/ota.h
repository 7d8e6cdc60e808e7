// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "host/paths.h"
#include "metrics/sample_sink.h"
#include "ota/agent/agent.h"
#include "ota/agent/server.h"
#include "ota/config_file.h"
#include "ota/ota_metrics.h"
#include "ota/tracker/tracker.h"

namespace kernel_exporter {

// The room as a whole: configuration, ledger, socket, metrics.
class Ota {
 public:
  // Errors: a fault in the configuration (every one is logged), a socket that cannot be had.
  [[nodiscard]] static Result<std::unique_ptr<Ota>> start(const std::string& config_file,
                                                          const HostPaths& paths);

  OtaTracker& tracker() { return tracker_; }
  const OtaConfig& config() const { return file_.config; }
  const OtaConfigFile& file() const { return file_; }
  void write(SampleSink& sink) const { metrics_.write(sink); }

 private:
  Ota(OtaConfigFile file, const HostPaths& paths, std::string boot_id);

  const OtaConfigFile file_;
  OtaTracker tracker_;
  OtaAgent agent_;
  OtaMetrics metrics_;
  std::unique_ptr<OtaServer> server_;  // last: its thread uses the others
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/error.h"
#include "host/paths.h"
#include "metrics/sample_sink.h"
#include "ota/config_file.h"
#include "ota/engine/engine_driver.h"
#include "ota/engine/engine_type.h"
#include "ota/tracker/tracker.h"

namespace kernel_exporter {

// The adapters that the configuration asks for, and the driver that they report to.
class OtaAdapters {
 public:
  // The tracker must outlive the adapters. Start them after the tracker's listeners.
  [[nodiscard]] static Result<std::unique_ptr<OtaAdapters>> start(OtaTracker& tracker,
                                                                  const OtaConfigFile& file,
                                                                  const HostPaths& paths);

  // How the adapters themselves are: kernel_exporter_ota_adapter_*. Any thread.
  void write(SampleSink& sink) const;

 private:
  OtaAdapters(OtaTracker& tracker, const OtaConfig& config, const HostPaths& paths);
  EngineHost host(const HostPaths& paths);

  OtaTracker& tracker_;
  EngineDriver driver_;
  std::vector<std::unique_ptr<EngineAdapter>> adapters_;  // last: their threads use the others
};

}  // namespace kernel_exporter

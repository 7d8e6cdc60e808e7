// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/error.h"
#include "host/paths.h"
#include "metrics/sample_sink.h"
#include "ota/engine/cgroup/cgroup_adapter.h"
#include "ota/engine/engine_driver.h"
#include "ota/engine/rauc/rauc.h"
#include "ota/engine/swupdate/swupdate.h"
#include "ota/tracker/config.h"
#include "ota/tracker/tracker.h"

namespace kernel_exporter {

// The adapters that the configuration asks for, each with a thread of its own from start to
// destruction. An engine that is not there is no error: it may come later.
class OtaAdapters {
 public:
  // The tracker must outlive the adapters. Start them after the tracker's listeners.
  [[nodiscard]] static Result<std::unique_ptr<OtaAdapters>> start(OtaTracker& tracker,
                                                                  const OtaConfig& config,
                                                                  const HostPaths& paths);
  ~OtaAdapters();

  // How the adapters themselves are: kernel_exporter_ota_adapter_*. Any thread.
  void write(SampleSink& sink) const;

 private:
  Result<void> start_rauc(const OtaRaucConfig& config, const HostPaths& paths);
  OtaAdapters(OtaTracker& tracker, const OtaConfig& config, const HostPaths& paths);

  EngineDriver driver_;  // first: the adapters' threads use it
  std::unique_ptr<RaucAdapter> rauc_;
  std::unique_ptr<SwupdateAdapter> swupdate_;
  std::unique_ptr<CgroupAdapter> cgroups_;
};

}  // namespace kernel_exporter

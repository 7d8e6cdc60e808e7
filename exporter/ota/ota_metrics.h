// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <string>

#include "base/mutex.h"
#include "metrics/sample_sink.h"
#include "ota/agent/agent.h"
#include "ota/tracker/tracker.h"

namespace kernel_exporter {

// By engine and state.
using OtaStateTimes =
    std::map<std::string, std::array<int64_t, kOtaStateNames.size()>, std::less<>>;

// Streams the families of OTA that need no BPF: ota_* and kernel_exporter_ota_*. Thread-safe; never
// waits for the disk.
class OtaMetrics {
 public:
  OtaMetrics(const OtaTracker& tracker, const OtaAgent& agent) : tracker_(tracker), agent_(agent) {}

  void write(SampleSink& sink) const;

 private:
  const OtaTracker& tracker_;
  const OtaAgent& agent_;

  // A change counts from the moment it is made and is seen once it is on the medium: a scrape
  // between the two has shown more of the state before.
  mutable Mutex mutex_;
  mutable OtaStateTimes shown_ns_ GUARDED_BY(mutex_);
};

}  // namespace kernel_exporter

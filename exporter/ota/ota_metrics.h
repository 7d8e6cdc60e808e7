#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "metrics/sample_sink.h"
#include "ota/agent.h"
#include "ota/tracker.h"

namespace kernel_exporter {

// Streams the families of OTA that need no BPF: ota_* and kernel_exporter_ota_*. Thread-safe; never
// waits for the disk.
class OtaMetrics {
 public:
  OtaMetrics(const OtaTracker& tracker, const OtaAgent& agent) : tracker_(tracker), agent_(agent) {}

  void write(SampleSink& sink) const;

 private:
  const OtaTracker& tracker_;
  const OtaAgent& agent_;

  mutable std::mutex mutex_;
  // As last shown, by engine/state; protected by mutex_.
  mutable std::map<std::string, int64_t> state_ns_;
};

}  // namespace kernel_exporter

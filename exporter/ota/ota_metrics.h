#pragma once

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
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/adapters.h"

#include <algorithm>

#include "metrics/family_stream.h"

namespace kernel_exporter {
namespace {

// What slows an update down does not break it.
bool breaks(const OtaEvidence& seen) {
  const bool overdue = seen.cause == OtaCause::kTimeout && !seen.of_medium();
  return seen.cause <= OtaCause::kVerifyFailed && !overdue && !seen.ended_ns;
}

bool troubled(const OtaTracker& tracker, const std::string& engine) {
  const auto open = tracker.book()->find_open({engine, ""});
  return open && std::any_of((*open)->evidence.begin(), (*open)->evidence.end(), breaks);
}

}  // namespace

OtaAdapters::OtaAdapters(OtaTracker& tracker, const OtaConfig& config, const HostPaths& paths)
    : tracker_(tracker), driver_(tracker, config, paths) {}

EngineHost OtaAdapters::host(const HostPaths& paths) {
  return {[this](const EngineEvent& event) { driver_.handle(event); },
          [this](const std::string& engine) { return driver_.confirming(engine); },
          [this](const std::string& engine) { return troubled(tracker_, engine); }, paths};
}

Result<std::unique_ptr<OtaAdapters>> OtaAdapters::start(OtaTracker& tracker,
                                                        const OtaConfigFile& file,
                                                        const HostPaths& paths) {
  std::unique_ptr<OtaAdapters> adapters(new OtaAdapters(tracker, file.config, paths));
  for (const EngineSettings& settings : file.adapters) {
    auto started = settings.start(adapters->host(paths));
    if (!started) return fail(started.error().message);
    adapters->adapters_.push_back(std::move(*started));
  }
  return adapters;
}

void OtaAdapters::write(SampleSink& sink) const {
  static const FamilyHeader kConnected = {"kernel_exporter_ota_adapter_connected",
                                          "1 if the adapter is connected to its engine.",
                                          MetricType::kGauge,
                                          "",
                                          {}};
  static const FamilyHeader kRefused = {
      "kernel_exporter_ota_adapter_refused_total",
      "Engine processes rejected because of an unknown message format.",
      MetricType::kCounter,
      "",
      {}};
  std::vector<AdapterStatus> connections;
  for (const auto& adapter : adapters_) {
    if (auto status = adapter->status()) connections.push_back(std::move(*status));
  }
  FamilyStream connected(sink, kConnected);
  for (const AdapterStatus& status : connections) {
    connected.add({{"engine", status.engine}}, uint64_t{status.connected});
  }
  FamilyStream refused(sink, kRefused);
  for (const AdapterStatus& status : connections) {
    if (status.refused) refused.add({{"engine", status.engine}}, *status.refused);
  }
}

}  // namespace kernel_exporter

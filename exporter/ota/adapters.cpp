// SPDX-License-Identifier: Apache-2.0
#include "ota/adapters.h"

#include <algorithm>

#include "metrics/family_stream.h"

namespace kernel_exporter {
namespace {

// What slows an update down does not break it.
bool breaks(const OtaEvidence& seen) {
  const bool overdue = seen.cause == OtaCause::kTimeout && seen.device.empty();
  return seen.cause <= OtaCause::kVerifyFailed && !overdue;
}

bool troubled(const OtaTracker& tracker, const std::string& engine) {
  const auto open = tracker.book()->find_open({engine, ""});
  return open && std::any_of((*open)->evidence.begin(), (*open)->evidence.end(), breaks);
}

}  // namespace

OtaAdapters::OtaAdapters(OtaTracker& tracker, const OtaConfig& config, const HostPaths& paths)
    : driver_(tracker, config, paths) {
  const EngineListener listener = [this](const EngineEvent& event) { driver_.handle(event); };
  if (config.swupdate) {
    swupdate_ = std::make_unique<SwupdateAdapter>(*config.swupdate, listener, paths);
  }
  if (!config.cgroups.empty()) {
    cgroups_ = std::make_unique<CgroupAdapter>(
        config.cgroups, listener,
        [&tracker](const std::string& engine) { return troubled(tracker, engine); }, paths);
  }
}

OtaAdapters::~OtaAdapters() = default;

Result<std::unique_ptr<OtaAdapters>> OtaAdapters::start(OtaTracker& tracker,
                                                        const OtaConfig& config,
                                                        const HostPaths& paths) {
  std::unique_ptr<OtaAdapters> adapters(new OtaAdapters(tracker, config, paths));
  if (config.rauc) {
    const auto started = adapters->start_rauc(*config.rauc, paths);
    if (!started) return fail(started.error().message);
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
  FamilyStream connected(sink, kConnected);
  if (rauc_) connected.add({{"engine", "rauc"}}, uint64_t{rauc_->connected()});
  if (swupdate_) connected.add({{"engine", "swupdate"}}, uint64_t{swupdate_->connected()});
  FamilyStream refused(sink, kRefused);
  if (swupdate_) refused.add({{"engine", "swupdate"}}, swupdate_->refused());
}

Result<void> OtaAdapters::start_rauc(const OtaRaucConfig& config, const HostPaths& paths) {
  auto rauc =
      RaucAdapter::start({config.bus, [this](const EngineEvent& event) { driver_.handle(event); },
                          [this] { return driver_.confirming("rauc"); }, paths});
  if (!rauc) return fail(rauc.error().message);
  rauc_ = std::move(*rauc);
  return {};
}

}  // namespace kernel_exporter

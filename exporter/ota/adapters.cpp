#include "ota/adapters.h"

namespace kernel_exporter {

OtaAdapters::OtaAdapters(OtaTracker& tracker, const OtaConfig& config, const HostPaths& paths)
    : driver_(tracker, config, paths) {}

OtaAdapters::~OtaAdapters() = default;

Result<std::unique_ptr<OtaAdapters>> OtaAdapters::start(OtaTracker& tracker,
                                                        const OtaConfig& config,
                                                        const HostPaths& paths) {
  std::unique_ptr<OtaAdapters> adapters(new OtaAdapters(tracker, config, paths));
  if (config.rauc) {
    const auto started = adapters->start_rauc(*config.rauc);
    if (!started) return fail(started.error().message);
  }
  return adapters;
}

Result<void> OtaAdapters::start_rauc(const OtaRaucConfig& config) {
  auto rauc =
      RaucAdapter::start({config.bus, [this](const EngineEvent& event) { driver_.handle(event); },
                          [this] { return driver_.confirming("rauc"); }});
  if (!rauc) return fail(rauc.error().message);
  rauc_ = std::move(*rauc);
  return {};
}

}  // namespace kernel_exporter

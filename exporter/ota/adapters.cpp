#include "ota/adapters.h"

#include "metrics/label_block.h"

namespace kernel_exporter {
namespace {

std::string label_of(std::string_view engine) {
  std::string block;
  append_label(block, "engine", engine);
  return block;
}

}  // namespace

OtaAdapters::OtaAdapters(OtaTracker& tracker, const OtaConfig& config, const HostPaths& paths)
    : driver_(tracker, config, paths) {
  const EngineListener listener = [this](const EngineEvent& event) { driver_.handle(event); };
  if (config.swupdate) {
    swupdate_ = std::make_unique<SwupdateAdapter>(*config.swupdate, listener, paths);
  }
}

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

void OtaAdapters::write(SampleSink& sink) const {
  if (!rauc_ && !swupdate_) return;
  sink.begin_family({"kernel_exporter_ota_adapter_connected",
                     "1 while the adapter hears its engine.",
                     MetricType::kGauge,
                     "",
                     {}});
  if (rauc_) sink.value(label_of("rauc"), uint64_t{rauc_->connected()});
  if (swupdate_) sink.value(label_of("swupdate"), uint64_t{swupdate_->connected()});
  if (!swupdate_) return;
  sink.begin_family({"kernel_exporter_ota_adapter_refused_total",
                     "Connections to an engine that speaks a language which the adapter does not "
                     "know.",
                     MetricType::kCounter,
                     "",
                     {}});
  sink.value(label_of("swupdate"), swupdate_->refused());
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

#include "ota/adapters.h"

namespace kernel_exporter {

OtaAdapters::OtaAdapters(OtaTracker& tracker, const OtaConfig& config, const HostPaths& paths)
    : driver_(tracker, config, paths) {}

OtaAdapters::~OtaAdapters() = default;

Result<std::unique_ptr<OtaAdapters>> OtaAdapters::start(OtaTracker& tracker,
                                                        const OtaConfig& config,
                                                        const HostPaths& paths) {
  std::unique_ptr<OtaAdapters> adapters(new OtaAdapters(tracker, config, paths));
  return adapters;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "http/router.h"
#include "metrics/family_stream.h"

namespace kernel_exporter {

// One family with one sample, a landing page, ready, and a reload that succeeds.
inline HttpHandlers plain_handlers() {
  HttpHandlers handlers;
  handlers.scrape = [](const ScrapeRequest&, SampleSink& sink) -> Result<ScrapeOutcome> {
    FamilyHeader header;
    header.name = "kernel_events_total";
    header.help = "Events.";
    FamilyStream(sink, header).add({}, uint64_t{42});
    return ScrapeOutcome::kComplete;
  };
  handlers.landing_page = [] { return std::string("<html>hello</html>"); };
  handlers.healthy = [] { return true; };
  handlers.ready = [] { return Result<void>(); };
  handlers.reload = []() -> Result<void> { return {}; };
  return handlers;
}

inline constexpr const char* kPlainText =
    "# HELP kernel_events_total Events.\n# TYPE kernel_events_total counter\n"
    "kernel_events_total 42\n";
inline constexpr const char* kPlainOpenMetrics =
    "# HELP kernel_events Events.\n# TYPE kernel_events counter\nkernel_events_total 42\n# EOF\n";

}  // namespace kernel_exporter

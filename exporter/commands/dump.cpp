// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/log.h"
#include "commands/commands.h"
#include "commands/exporter.h"
#include "exposition/writer.h"

namespace kernel_exporter {

int dump(const Options& options) {
  auto exporter = Exporter::create(options);
  if (!exporter) {
    spdlog::error("{}", exporter.error().message);
    return 1;
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(options.duration_seconds));
  std::string exposition;
  const auto writer =
      make_writer(options.openmetrics ? Format::kOpenMetrics100 : Format::kText004, exposition);
  ScrapeRequest request;
  request.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto outcome = (*exporter)->scrape(request, *writer);
  writer->finish();
  std::fwrite(exposition.data(), 1, exposition.size(), stdout);
  return outcome ? 0 : 1;
}

}  // namespace kernel_exporter

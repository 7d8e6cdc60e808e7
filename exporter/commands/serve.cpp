#include <csignal>
#include <cstdio>

#include "base/log.h"
#include "commands/commands.h"
#include "commands/exporter.h"
#include "commands/landing_page.h"

namespace kernel_exporter {
namespace {

// Signals are taken one by one by sigwait in the main thread; every other thread, made later,
// inherits the block.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

void wait_for_end(const sigset_t& signals, Exporter& exporter) {
  int number = 0;
  while (sigwait(&signals, &number) == 0) {
    if (number != SIGHUP) break;
    (void)exporter.reload();  // logged and counted by the exporter itself
  }
  spdlog::info("{}, ending", number == SIGTERM ? "SIGTERM" : "SIGINT");
}

HttpHandlers handlers(Exporter& exporter) {
  HttpHandlers handlers;
  handlers.scrape = [&](const ScrapeRequest& request, SampleSink& sink) {
    return exporter.scrape(request, sink);
  };
  handlers.landing_page = [&] { return landing_page(exporter.programs()); };
  handlers.ready = [] { return true; };  // the server starts once the probes are loaded
  handlers.reload = [&] { return exporter.reload(); };
  return handlers;
}

}  // namespace

int serve(const Options& options) {
  if (!options.web_config_file.empty()) {
    spdlog::error(
        "--web.config.file: TLS and basic auth are not supported yet; the README shows a proxy");
    return 2;
  }
  const sigset_t signals = block_signals();
  auto exporter = Exporter::create(options);
  if (!exporter) {
    spdlog::error("{}", exporter.error().message);
    return 1;
  }
  auto server = HttpServer::start(options.http, handlers(**exporter));
  if (!server) {
    spdlog::error("{}", server.error().message);
    return 1;
  }
  const std::string& address = options.http.listen_address;
  spdlog::info("listening on http://{}:{}", address.substr(0, address.rfind(':')),
               (*server)->port());
  wait_for_end(signals, **exporter);
  return 0;
}

}  // namespace kernel_exporter

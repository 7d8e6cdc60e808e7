// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csignal>
#include <vector>

#include "base/log.h"
#include "commands/commands.h"
#include "commands/exporter.h"
#include "commands/landing_page.h"
#include "commands/memory.h"
#include "commands/supervised_wait.h"
#include "http/listen_address.h"
#include "privileges/capabilities.h"
#include "privileges/system_calls.h"

namespace kernel_exporter {
namespace {

HttpHandlers handlers(Exporter& exporter) {
  HttpHandlers handlers;
  handlers.scrape = [&](const ScrapeRequest& request, SampleSink& sink) {
    return exporter.scrape(request, sink);
  };
  handlers.landing_page = [&] { return landing_page(exporter.programs()); };
  handlers.healthy = [&] { return exporter.responds(); };
  handlers.ready = [&] { return exporter.attached(); };
  handlers.reload = [&] { return exporter.reload(); };
  return handlers;
}

// Programs that are attached only while an update runs, by an event of perf instead of a link of
// bpf() alone.
bool waits_for_perf_event(const ProgramStatus& program) {
  return program.state == AttachState::kIdle &&
         (program.mechanism == "kprobe" || program.mechanism == "kretprobe" ||
          program.mechanism == "tracepoint");
}

PrivilegeNeeds needs_of(const Options& options, Exporter& exporter) {
  PrivilegeNeeds needs;
  needs.kernel_symbols = exporter.host_uses().kernel_symbols;
  const std::vector<ProgramStatus> programs = exporter.programs();
  needs.perf_events = std::any_of(programs.begin(), programs.end(), waits_for_perf_event);
  const auto address = parse_listen_address(options.http.listen_address);
  needs.low_port = address && address->port > 0 && address->port < kFirstUnprivilegedPort;
  return needs;
}

int fail_start(const Error& error) {
  spdlog::error("{}", error.message);
  return 1;
}

// A kernel without seccomp still deserves its metrics.
void give_up_system_calls(const PrivilegeNeeds& needs) {
  const auto limited = limit_system_calls(needs);
  if (!limited) spdlog::warn("system calls are not restricted: {}", limited.error().message);
}

}  // namespace

int serve(const Options& options) {
  if (!options.web_config_file.empty()) {
    spdlog::error(
        "--web.config.file: TLS and basic auth are not supported yet; use a proxy as shown in the "
        "README");
    return 2;
  }
  end_on_signals();
  auto exporter = Exporter::create(options);
  if (!exporter) return fail_start(exporter.error());
  const PrivilegeNeeds needs = needs_of(options, **exporter);
  Result<std::string> kept = "all (--privileges.keep-all)";
  if (!options.keep_privileges) kept = limit_capabilities(needs, options.paths);
  if (!kept) return fail_start(kept.error());
  const sigset_t signals = block_signals();
  if (auto followed = (*exporter)->follow_updates(); !followed) return fail_start(followed.error());
  auto server = HttpServer::start(options.http, handlers(**exporter));
  if (!server) return fail_start(server.error());
  const std::string& address = options.http.listen_address;
  if (!options.keep_privileges) give_up_system_calls(needs);
  tune_memory_for_serving();
  const std::string where =
      "http://" + address.substr(0, address.rfind(':')) + ":" + std::to_string((*server)->port());
  spdlog::info("capabilities kept: {}", *kept);
  if (const std::string names = (*exporter)->left_out(); !names.empty()) {
    spdlog::info("not loaded without --ota.config: {}", names);
  }
  if (!(*exporter)->attached()) {
    spdlog::info("no probe is attached: only metrics of the host and the exporter are served");
  }
  spdlog::info("listening on {}", where);
  wait_for_end(signals, where, **server, [&] { return (*exporter)->reload(); });
  return 0;
}

}  // namespace kernel_exporter

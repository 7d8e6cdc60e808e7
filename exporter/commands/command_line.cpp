// SPDX-License-Identifier: Apache-2.0
#include "commands/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/log.h"
#include "commands/commands.h"
#include "commands/memory.h"
#include "commands/options.h"
#include "commands/ota_command_line.h"
#include "commands/process_setup.h"
#include "commands/rule_loader.h"
#include "commands/version.h"
#include "probe/object.h"

namespace kernel_exporter {
namespace {

void add_rule_options(CLI::App& command, Options& options) {
  command
      .add_option("--rules", options.rules,
                  "Rule files, or directories of *.yaml; can be repeated. Default: rules/events in "
                  "the current directory, else the installed rules")
      ->capture_default_str();
  command.add_option("--path.procfs", options.paths.procfs, "Mount point of procfs")
      ->capture_default_str();
  command.add_option("--path.sysfs", options.paths.sysfs, "Mount point of sysfs")
      ->capture_default_str();
  command.add_option("--path.rootfs", options.paths.rootfs,
                     "Mount point of the host's root file system, for use in a container");
  command
      .add_option("--bpf.assume-missing", options.assume_missing,
                  "Treat a requirement of a program, as printed by `probes`, as missing, to force "
                  "its fallback")
      ->group("");
}

// Also those of `check`, so that a service's options can be checked as they are.
void add_serve_options(CLI::App& command, Options& options) {
  add_rule_options(command, options);
  command
      .add_option("--web.listen-address", options.http.listen_address,
                  "HOST:PORT to listen on; port 0 selects a free port")
      ->capture_default_str();
  command.add_option("--web.threads", options.http.threads, "Number of HTTP worker threads")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command.add_flag("--web.enable-lifecycle", options.http.enable_lifecycle,
                   "Allow requests that change something: POST /-/reload");
  command.add_option("--web.config.file", options.web_config_file,
                     "TLS and basic authentication: not supported yet, use a proxy");
  command.add_option(
      "--ota.config", options.ota_config,
      "Follow updates as configured in this YAML file; without it, updates are not followed");
  command.add_flag(
      "--privileges.keep-all", options.keep_privileges,
      "For debugging: do not drop capabilities or restrict system calls after the start");
  command.add_flag("--require-probes", options.require_probes,
                   "Do not start if no probe can be attached, instead of serving other metrics");
  command.add_flag(
      "--bpf.program-stats", options.program_stats,
      "Enable the kernel's run time statistics of BPF programs (about 20 ns per event)");
}

void add_serve(CLI::App& app, Options& options) {
  CLI::App& command = *app.add_subcommand("serve", "Load the probes and serve /metrics over HTTP");
  add_serve_options(command, options);
}

void add_dump(CLI::App& app, Options& options) {
  CLI::App& command =
      *app.add_subcommand("dump", "Load the probes, count for some time and print one scrape");
  add_rule_options(command, options);
  command.add_option("--duration", options.duration_seconds, "Seconds to count before the scrape")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command.add_flag("--openmetrics", options.openmetrics, "OpenMetrics 1.0 instead of text 0.0.4");
}

void add_check(CLI::App& app, Options& options) {
  CLI::App& command = *app.add_subcommand(
      "check",
      "Validate rule files and the file of --ota.config; needs no privileges, takes the options "
      "of serve");
  command.add_option("FILE", options.files,
                     "Rule files, or directories of *.yaml, instead of those of --rules");
  add_serve_options(command, options);
}

// CLI11 only says that a subcommand is missing where there is a word in its place.
void parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError&) {
    if (app.remaining_size(true) == 0) throw;
    throw CLI::ExtrasError({app.remaining(true).front()});
  }
}

int run(const CLI::App& app, const Options& options) {
  const auto logging = start_logging(options.log_level);
  if (!logging) {
    std::fprintf(stderr, "kernel_exporter: %s\n", logging.error().message.c_str());
    return 2;
  }
  capture_libbpf_log();
  if (!app.got_subcommand("ota")) raise_open_file_limit();
  if (app.got_subcommand("serve")) return serve(options);
  if (app.got_subcommand("check")) return check(options);
  if (app.got_subcommand("probes")) return list_probes(options);
  if (app.got_subcommand("ota")) return run_ota(*app.get_subcommand("ota"), options);
  return dump(options);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  open_standard_files();
  ignore_write_signals();
  tune_memory_for_loading();
  Options options;
  options.rules = {default_rule_folder()};
  CLI::App app("Prometheus exporter for kernel internals and over-the-air updates.",
               "kernel_exporter");
  app.set_version_flag("--version", std::string(kVersion));
  app.require_subcommand(1);
  app.set_config("--config", "", "Options from a file: `rules = [...]` under a [serve] heading");
  app.add_option("--log.level", options.log_level, "debug, info, warning or error")
      ->capture_default_str();
  app.fallthrough();
  add_serve(app, options);
  add_check(app, options);
  CLI::App& probes_command = *app.add_subcommand(
      "probes", "Load the probes and show how each program is attached, or why it is not");
  add_rule_options(probes_command, options);
  add_dump(app, options);
  add_ota(app, options);
  try {
    parse(app, argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return run(app, options);
}

}  // namespace kernel_exporter

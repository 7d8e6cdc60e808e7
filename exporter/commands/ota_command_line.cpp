// SPDX-License-Identifier: Apache-2.0
#include "commands/ota_command_line.h"

#include "commands/commands.h"

namespace kernel_exporter {
namespace {

void add_target(CLI::App& command, OtaOptions& ota) {
  command.add_option("--engine", ota.engine, "Of this engine, when more than one update is open");
  command.add_option("--id", ota.id, "Only when the open update has this id");
}

void add_begin(CLI::App& ota_command, OtaOptions& ota) {
  CLI::App& command = *ota_command.add_subcommand("begin", "An update begins");
  command.add_option("--id", ota.id, "What operators call the update")->required();
  command.add_option("--engine", ota.engine, "What installs it: rauc, swupdate, ...")->required();
  command.add_option("--from", ota.from, "Version that is replaced");
  command.add_option("--to", ota.to, "Version that is installed");
  command.add_option("--payload-bytes", ota.payload_bytes, "Size of what is downloaded");
  command.add_option("--device", ota.devices,
                     "PATH=ROLE of a device that is written, the role one of slot, bootenv, data; "
                     "none: those of --ota.config");
  command.add_option("--cgroup", ota.cgroup,
                     "Path of the engine's cgroup below the mount of cgroup2, such as /ota.slice");
  command.add_option("--process", ota.process,
                     "Id of the engine's process, where it has no cgroup of its own: what it and "
                     "its descendants write is the update's");
  command.add_flag("--no-reboot", ota.no_reboot, "Installed is succeeded: no boot is to come");
}

void add_set(CLI::App& ota_command, OtaOptions& ota) {
  CLI::App& command = *ota_command.add_subcommand("set", "The open update goes on");
  command.add_option("STATE", ota.states,
                     "idle, downloading, verifying, applying or rebooting; several of downloading, "
                     "verifying and applying when they go on at once");
  command.add_option("--progress", ota.progress, "Percent, 0 to 100");
  command.add_option("--downloaded-bytes", ota.downloaded_bytes, "Bytes downloaded so far");
  add_target(command, ota);
}

void add_end(CLI::App& ota_command, OtaOptions& ota) {
  CLI::App& command = *ota_command.add_subcommand(
      "end", "The open update is installed (and waits for the reboot) or has its result");
  command.add_option("RESULT", ota.result, "installed, failed, confirmed or rolled_back")
      ->required();
  command.add_option("--cause", ota.cause,
                     "What the engine takes for the cause; stronger evidence overrides it");
  command.add_option("--detail", ota.detail, "The engine's words");
  add_target(command, ota);
}

void add_history(CLI::App& ota_command, OtaOptions& ota) {
  CLI::App& command = *ota_command.add_subcommand("history", "Updates that ended");
  command.add_flag("--json", ota.json, "A JSON list instead of a table");
  command.add_option("--engine", ota.engine, "Of this engine only");
  command.add_option("--limit", ota.limit, "The last so many");
  command.add_option("--ledger", ota.ledger,
                     "Read this file, when the exporter does not run; open updates included");
}

}  // namespace

void add_ota(CLI::App& app, Options& options) {
  CLI::App& command = *app.add_subcommand("ota", "Tell a running exporter of updates, or ask it");
  command.require_subcommand(1);
  command.fallthrough();
  command.add_option("--socket", options.ota.socket, "The exporter's socket for agents")
      ->capture_default_str();
  add_begin(command, options.ota);
  add_set(command, options.ota);
  add_end(command, options.ota);
  command.add_subcommand("status", "Updates that are open")
      ->add_flag("--json", options.ota.json, "A JSON list instead of a table");
  add_history(command, options.ota);
}

int run_ota(const CLI::App& ota, const Options& options) {
  if (ota.got_subcommand("begin")) return ota_begin(options);
  if (ota.got_subcommand("set")) return ota_set(options);
  if (ota.got_subcommand("end")) return ota_end(options);
  if (ota.got_subcommand("status")) return ota_status(options);
  return ota_history(options);
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "commands/ota_command_line.h"

#include "commands/commands.h"

namespace kernel_exporter {
namespace {

void add_target(CLI::App& command, OtaOptions& ota) {
  command.add_option("--engine", ota.engine, "Engine of the update, if several are open");
  command.add_option("--id", ota.id, "Fail unless the open update has this id");
}

void add_begin(CLI::App& ota_command, OtaOptions& ota) {
  CLI::App& command = *ota_command.add_subcommand("begin", "Begin an update");
  command.add_option("--id", ota.id, "Id of the update, for operators")->required();
  command.add_option("--engine", ota.engine, "Engine that installs it: rauc, swupdate, ...")
      ->required();
  command.add_option("--from", ota.from, "Current version");
  command.add_option("--to", ota.to, "New version");
  command.add_option("--payload-bytes", ota.payload_bytes, "Size of the download");
  command.add_option("--device", ota.devices,
                     "PATH=ROLE of a device that the update writes; the role is slot, bootenv or "
                     "data. Default: the devices in --ota.config");
  command.add_option("--cgroup", ota.cgroup,
                     "Path of the engine's cgroup below the cgroup2 mount, such as /ota.slice");
  command.add_option("--process", ota.process,
                     "PID of the engine, if it has no cgroup of its own; writes by it and its "
                     "descendants are attributed to the update");
  command.add_flag("--no-reboot", ota.no_reboot,
                   "The update needs no reboot: installed is succeeded");
}

void add_set(CLI::App& ota_command, OtaOptions& ota) {
  CLI::App& command = *ota_command.add_subcommand("set", "Report progress of the open update");
  command.add_option("STATE", ota.states,
                     "idle, downloading, verifying, applying or rebooting; downloading, verifying "
                     "and applying can be combined");
  command.add_option("--progress", ota.progress, "Progress in percent, 0 to 100");
  command.add_option("--downloaded-bytes", ota.downloaded_bytes, "Bytes downloaded so far");
  add_target(command, ota);
}

void add_end(CLI::App& ota_command, OtaOptions& ota) {
  CLI::App& command = *ota_command.add_subcommand(
      "end", "End the open update: it is installed (and waits for the reboot) or has its result");
  command.add_option("RESULT", ota.result, "installed, failed, confirmed or rolled_back")
      ->required();
  command.add_option("--cause", ota.cause,
                     "Cause according to the engine; stronger evidence overrides it");
  command.add_option("--detail", ota.detail, "Error message of the engine");
  add_target(command, ota);
}

void add_history(CLI::App& ota_command, OtaOptions& ota) {
  CLI::App& command = *ota_command.add_subcommand("history", "List finished updates");
  command.add_flag("--json", ota.json, "Print a JSON list instead of a table");
  command.add_option("--engine", ota.engine, "Only updates by this engine");
  command.add_option("--limit", ota.limit, "Only the last updates, this many");
  command.add_option("--ledger", ota.ledger,
                     "Read this ledger when no exporter is running; includes open updates");
}

}  // namespace

void add_ota(CLI::App& app, Options& options) {
  CLI::App& command =
      *app.add_subcommand("ota", "Report updates to a running exporter, or query it");
  command.require_subcommand(1);
  command.fallthrough();
  command.add_option("--socket", options.ota.socket, "Socket of the exporter for agents")
      ->capture_default_str();
  add_begin(command, options.ota);
  add_set(command, options.ota);
  add_end(command, options.ota);
  command.add_subcommand("status", "List open updates")
      ->add_flag("--json", options.ota.json, "Print a JSON list instead of a table");
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

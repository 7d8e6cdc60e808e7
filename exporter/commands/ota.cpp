// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/utf8.h"
#include "commands/commands.h"
#include "ota/agent/client.h"
#include "ota/agent/history.h"
#include "ota/agent/socket.h"

namespace kernel_exporter {
namespace {

int complain(const Error& error) {
  std::fprintf(stderr, "kernel_exporter ota: %s\n", error.message.c_str());
  return 1;
}

void print_warnings(const std::string& reply) {
  for (const std::string& warning : warnings_in_reply(reply)) {
    std::fprintf(stderr, "kernel_exporter ota: warning: %s\n", printable(warning).c_str());
  }
}

// begin, set and end: warnings go to stderr, the transaction's state or result to stdout.
int tell(const Options& options, const std::string& message) {
  const auto answer = ask_ota_socket(options.ota.socket, message);
  if (!answer) return complain(answer.error());
  const auto reply = parse_reply(*answer);
  if (!reply) return complain(reply.error());
  print_warnings(*answer);
  const std::string cause = reply->cause == "none" ? "" : ", " + reply->cause;
  std::printf("transaction %llu: %s%s\n", static_cast<unsigned long long>(reply->transaction),
              reply->word.c_str(), cause.c_str());
  return 0;
}

int print(const Result<std::string>& text) {
  if (!text) return complain(text.error());
  std::printf("%s%s", text->c_str(), text->ends_with('\n') ? "" : "\n");
  return 0;
}

}  // namespace

int ota_begin(const Options& options) {
  const OtaOptions& ota = options.ota;
  std::vector<OtaDeviceArgument> devices;
  for (const std::string& device : ota.devices) devices.push_back({device});
  std::optional<bool> reboot;
  if (ota.no_reboot) reboot = false;
  return tell(options, message_text("begin", {{"id", ota.id},
                                              {"engine", ota.engine},
                                              {"from", ota.from},
                                              {"to", ota.to},
                                              {"payload_bytes", ota.payload_bytes},
                                              {"cgroup", ota.cgroup},
                                              {"process", ota.process},
                                              {"reboot", reboot},
                                              {"devices", devices}}));
}

int ota_set(const Options& options) {
  const OtaOptions& ota = options.ota;
  return tell(options, message_text("set", {{"engine", ota.engine},
                                            {"id", ota.id},
                                            {"state", ota.states},
                                            {"progress", ota.progress},
                                            {"downloaded_bytes", ota.downloaded_bytes}}));
}

int ota_end(const Options& options) {
  const OtaOptions& ota = options.ota;
  return tell(options, message_text("end", {{"result", ota.result},
                                            {"engine", ota.engine},
                                            {"id", ota.id},
                                            {"cause", ota.cause},
                                            {"detail", ota.detail}}));
}

int ota_status(const Options& options) {
  const auto answer = ask_ota_socket(options.ota.socket, message_text("status", {}));
  if (!answer) return complain(answer.error());
  return print(options.ota.json ? list_in_reply(*answer, "open") : status_table(*answer));
}

int ota_history(const Options& options) {
  const OtaOptions& ota = options.ota;
  const std::string message =
      message_text("history", {{"engine", ota.engine}, {"limit", ota.limit}});
  const auto answer =
      ota.ledger.empty() ? ask_ota_socket(ota.socket, message) : history_of_ledger(ota.ledger);
  if (!answer) return complain(answer.error());
  if (!ota.ledger.empty()) print_warnings(*answer);
  return print(ota.json ? list_in_reply(*answer, "transactions") : history_table(*answer));
}

}  // namespace kernel_exporter

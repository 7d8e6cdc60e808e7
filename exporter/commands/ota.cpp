#include <cstdio>
#include <nlohmann/json.hpp>

#include "commands/commands.h"
#include "ota/history.h"
#include "ota/socket.h"

namespace kernel_exporter {
namespace {

using Json = nlohmann::ordered_json;

int complain(const Error& error) {
  std::fprintf(stderr, "kernel_exporter ota: %s\n", error.message.c_str());
  return 1;
}

Result<std::string> ask(const Options& options, const Json& message) {
  return ask_ota_socket(options.ota.socket,
                        message.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void put(Json& message, const char* key, const std::string& text) {
  if (!text.empty()) message[key] = text;
}

void put(Json& message, const char* key, const auto& optional) {
  if (optional) message[key] = *optional;
}

void print_warnings(const Json& reply) {
  for (const Json& warning : reply.value("warnings", Json::array())) {
    std::fprintf(stderr, "kernel_exporter ota: warning: %s\n", warning.get<std::string>().c_str());
  }
}

// begin, set and end: warnings go to stderr, what the update is in now to stdout.
int tell(const Options& options, const Json& message) {
  const auto answer = ask(options, message);
  if (!answer) return complain(answer.error());
  const Json reply = Json::parse(*answer, nullptr, false);
  if (!reply.is_object() || !reply.value("ok", false)) {
    return complain({reply.is_object() ? reply.value("error", *answer) : *answer});
  }
  print_warnings(reply);
  const bool ended = reply.contains("result");
  const std::string word = reply.value(ended ? "result" : "state", "");
  const std::string cause = reply.value("cause", "none");
  std::printf("transaction %llu: %s%s%s\n",
              static_cast<unsigned long long>(reply.value("transaction", uint64_t{0})),
              word.c_str(), cause == "none" ? "" : ", ", cause == "none" ? "" : cause.c_str());
  return 0;
}

Json device_json(const std::string& argument) {
  const auto equals = argument.rfind('=');
  Json device = {{"path", argument.substr(0, equals)}};
  if (equals != std::string::npos) device["role"] = argument.substr(equals + 1);
  return device;
}

int print(const Result<std::string>& text) {
  if (!text) return complain(text.error());
  std::printf("%s%s", text->c_str(), text->ends_with('\n') ? "" : "\n");
  return 0;
}

}  // namespace

int ota_begin(const Options& options) {
  Json message = {{"kind", "begin"}, {"id", options.ota.id}, {"engine", options.ota.engine}};
  put(message, "from", options.ota.from);
  put(message, "to", options.ota.to);
  put(message, "payload_bytes", options.ota.payload_bytes);
  put(message, "cgroup", options.ota.cgroup);
  put(message, "process", options.ota.process);
  if (options.ota.no_reboot) message["reboot"] = false;
  for (const std::string& device : options.ota.devices) {
    message["devices"].push_back(device_json(device));
  }
  return tell(options, message);
}

int ota_set(const Options& options) {
  Json message = {{"kind", "set"}};
  put(message, "engine", options.ota.engine);
  put(message, "id", options.ota.id);
  if (!options.ota.states.empty()) message["state"] = options.ota.states;
  put(message, "progress", options.ota.progress);
  put(message, "downloaded_bytes", options.ota.downloaded_bytes);
  return tell(options, message);
}

int ota_end(const Options& options) {
  Json message = {{"kind", "end"}, {"result", options.ota.result}};
  put(message, "engine", options.ota.engine);
  put(message, "id", options.ota.id);
  put(message, "cause", options.ota.cause);
  put(message, "detail", options.ota.detail);
  return tell(options, message);
}

int ota_status(const Options& options) {
  const auto answer = ask(options, {{"kind", "status"}});
  if (!answer) return complain(answer.error());
  return print(options.ota.json ? list_in_reply(*answer, "open") : status_table(*answer));
}

int ota_history(const Options& options) {
  Json message = {{"kind", "history"}};
  put(message, "engine", options.ota.engine);
  put(message, "limit", options.ota.limit);
  const auto answer =
      options.ota.ledger.empty() ? ask(options, message) : history_of_ledger(options.ota.ledger);
  if (!answer) return complain(answer.error());
  if (!options.ota.ledger.empty()) print_warnings(Json::parse(*answer, nullptr, false));
  return print(options.ota.json ? list_in_reply(*answer, "transactions") : history_table(*answer));
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
// Any lines as the messages of agents, one after the other, to an exporter without a ledger, and as
// the answers that a client gets. Agents understand every answer of the exporter.
#include <cstdlib>

#include "base/log.h"
#include "ota/agent/agent.h"
#include "ota/agent/client.h"
#include "ota/agent/history.h"

namespace kernel_exporter {
namespace {

constexpr size_t kMostMessages = 32;

OtaConfig config_without_ledger() {
  OtaConfig config;
  config.ledger = "/proc/nowhere/ledger";
  config.devices = {{"/dev/configured", OtaRole::kBootenv}};
  return config;
}

template <typename Value>
void check(const Result<Value>& result) {
  if (!result && result.error().message.find('\n') != std::string::npos) abort();
}

void read_reply(std::string_view reply) {
  (void)warnings_in_reply(reply);
  check(parse_reply(reply));
  check(history_table(reply));
  check(status_table(reply));
  check(list_in_reply(reply, "open"));
}

void run(std::string_view text) {
  static const OtaConfig config = config_without_ledger();
  static const HostPaths nowhere{"/proc/nowhere", "/proc/nowhere", "/proc/nowhere"};
  int64_t now = 1;
  OtaTracker tracker(config, nowhere, "boot", [&] { return OtaMoment{now += 1'000'000'000, now}; });
  OtaAgent agent(tracker, config.devices);
  for (size_t i = 0; i < kMostMessages && !text.empty(); ++i) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string answer = agent.answer(line);
    if (!answer.starts_with("{\"ok\":") || answer.find('\n') != std::string::npos) abort();
    read_reply(answer);
    read_reply(line);
    tracker.tick();
  }
}

}  // namespace
}  // namespace kernel_exporter

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  spdlog::set_level(spdlog::level::off);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kernel_exporter::run({reinterpret_cast<const char*>(data), size});
  return 0;
}

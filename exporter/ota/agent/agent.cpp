// SPDX-License-Identifier: Apache-2.0
#include "ota/agent/agent.h"

#include "base/log.h"
#include "ota/ledger/json_text.h"

namespace kernel_exporter {
namespace {

// Below what a datagram may carry with the default net.core.wmem_max (208 KiB, overhead included).
constexpr size_t kMaxReplyBytes = 96 << 10;

}  // namespace

std::string OtaAgent::refuse(OtaRefusalReason reason, std::string_view text) {
  ++refused_[index_of(reason)];
  // Anybody may connect and be refused: the counter knows all, the log one a second.
  const int64_t second = tracker_.now().boottime_ns / 1'000'000'000;
  if (logged_second_.exchange(second) != second) {
    spdlog::warn("ota message refused ({}): {}", kOtaRefusalNames[index_of(reason)], text);
  }
  return json_text(
      {{"ok", false}, {"reason", kOtaRefusalNames[index_of(reason)]}, {"error", text}});
}

std::string OtaAgent::answer(std::string_view message) {
  try {
    return answer_checked(message);
  } catch (const std::exception& error) {
    return refuse(OtaRefusalReason::kMalformed, error.what());
  }
}

std::string OtaAgent::answer_checked(std::string_view message) {
  const auto parsed = parse_ota_message(message, roles_);
  if (!parsed) return refuse(parsed.error().reason, parsed.error().text);
  return std::visit([this](const auto& request) { return reply(request); }, *parsed);
}

std::string OtaAgent::report(const Result<OtaAnswer>& answer) {
  if (!answer) return refuse(OtaRefusalReason::kNotPossible, answer.error().message);
  OtaJson json = {{"ok", true}, {"transaction", answer->transaction.number}};
  if (answer->transaction.open()) {
    json["state"] = names_of(answer->transaction.states);
  } else {
    json["result"] = name_of(*answer->transaction.outcome);
    json["cause"] = name_of(answer->transaction.cause);
  }
  json["warnings"] = answer->warnings;
  return json_text(json);
}

std::string OtaAgent::reply(const OtaStatusRequest&) {
  const auto book = tracker_.book();
  const OtaLedgerStatus ledger = tracker_.ledger_status();
  OtaJson json = {{"ok", true}, {"ledger_writable", ledger.writable}};
  if (!ledger.error.empty()) json["ledger_error"] = ledger.error;
  json["open"] = OtaJson::array();
  for (const OtaTransactionPtr& open : book->open_transactions()) {
    OtaTransaction transaction = *open;
    transaction.account(tracker_.now().boottime_ns);
    json["open"].push_back(transaction_json(transaction));
  }
  return json_text(json);
}

std::string OtaAgent::reply(const OtaHistoryRequest& request) {
  const auto book = tracker_.book();
  std::vector<OtaJson> latest_first;
  size_t bytes = 0;
  bool complete = true;
  for (auto ended = book->ended().rbegin(); ended != book->ended().rend(); ++ended) {
    if (!request.engine.empty() && (*ended)->engine != request.engine) continue;
    if (latest_first.size() >= request.limit) break;
    OtaJson json = transaction_json(**ended);
    bytes += json_text(json).size() + 1;
    if (bytes > kMaxReplyBytes) {
      complete = false;
      break;
    }
    latest_first.push_back(std::move(json));
  }
  OtaJson json = {{"ok", true}, {"complete", complete}, {"transactions", OtaJson::array()}};
  for (auto entry = latest_first.rbegin(); entry != latest_first.rend(); ++entry) {
    json["transactions"].push_back(std::move(*entry));
  }
  return json_text(json);
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/agent/history.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/utf8.h"
#include "ota/ledger/json_text.h"
#include "ota/ledger/ledger.h"
#include "ota/ledger/record.h"
#include "ota/model/transition.h"

namespace kernel_exporter {
namespace {

using Row = std::vector<std::string>;

std::string time_text(int64_t wall_ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<time_t>(wall_ms / 1000)));
}

std::string seconds_text(int64_t nanoseconds) {
  return fmt::format("{:.1f}", static_cast<double>(nanoseconds) / 1e9);
}

std::string table(std::vector<Row> rows) {
  for (Row& row : rows) {
    for (std::string& cell : row) cell = printable(cell);
  }
  std::vector<size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string cause_text(const OtaTransaction& transaction) {
  if (transaction.cause == OtaCause::kNone) return "-";
  std::string text(name_of(transaction.cause));
  if (!transaction.cause_device.empty()) text += " " + transaction.cause_device;
  if (transaction.cause_offset) text += fmt::format("@{}", *transaction.cause_offset);
  return text;
}

// What was seen in the order of time, in seconds since the begin: "network_stall 60.0,
// signal_killed 75.2"; with what was over by then, "starved 31.0-44.5".
std::string evidence_text(const OtaTransaction& transaction) {
  std::vector<OtaEvidence> evidence = transaction.evidence;
  std::ranges::stable_sort(evidence, {}, &OtaEvidence::since_ns);
  std::string text;
  for (const OtaEvidence& seen : evidence) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name_of(seen.cause),
                        seconds_text(seen.since_ns()));
    if (seen.ended_ns) text += "-" + seconds_text(*seen.ended_ns);
  }
  return text.empty() ? "-" : text;
}

Row history_row(const OtaTransaction& transaction) {
  return {std::to_string(transaction.number),
          time_text(transaction.started_ms),
          transaction.engine,
          transaction.id,
          transaction.from + " -> " + transaction.to,
          seconds_text(transaction.elapsed_ns),
          transaction.outcome ? std::string(name_of(*transaction.outcome))
                              : "open: " + names_of(transaction.states),
          cause_text(transaction),
          evidence_text(transaction),
          transaction.detail};
}

Row status_row(const OtaTransaction& transaction) {
  return {std::to_string(transaction.number),
          time_text(transaction.started_ms),
          transaction.engine,
          transaction.id,
          transaction.from + " -> " + transaction.to,
          seconds_text(transaction.elapsed_ns),
          names_of(transaction.states),
          transaction.progress ? fmt::format("{:.0f} %", *transaction.progress * 100) : "-"};
}

Result<OtaJson> good_reply(std::string_view reply) {
  OtaJson json = OtaJson::parse(reply, nullptr, false);
  if (!json.is_object() || !json.contains("ok")) return fail("unexpected answer");
  if (json["ok"] == true) return json;
  const auto error = json.find("error");
  if (error == json.end() || !error->is_string()) return fail("rejected without a reason");
  return fail(error->get<std::string>());
}

Result<std::string> table_of(std::string_view reply, const char* key, Row head,
                             Row (*row_of)(const OtaTransaction&)) {
  const auto json = good_reply(reply);
  if (!json) return fail(json.error().message);
  try {
    std::vector<Row> rows = {std::move(head)};
    for (const OtaJson& entry : json->at(key)) rows.push_back(row_of(transaction_of(entry)));
    return table(std::move(rows));
  } catch (const std::exception& error) {
    return fail(std::string("answer: ") + error.what());
  }
}

}  // namespace

Result<std::string> history_of_ledger(const std::string& path) {
  const auto records = read_ledger(path);
  if (!records) return fail(records.error().message);
  std::map<uint64_t, OtaTransaction> transactions;
  uint64_t unreadable = records->damaged + records->newer_frames.size();
  bool readable = false;
  for (const std::string& payload : records->payloads) {
    const auto record = decode_record(payload);
    if (!record) {
      ++unreadable;
      continue;
    }
    readable = true;
    if (!record->transaction) continue;
    OtaTransaction& known = transactions[record->transaction->number];
    if (known.open()) known = *record->transaction;
  }
  if (unreadable > 0 && !readable) {
    return fail("ledger " + path + ": no readable record, is it a ledger?");
  }
  OtaJson json = {{"ok", true}, {"complete", unreadable == 0}};
  if (unreadable > 0) {
    const char* const plural = unreadable == 1 ? "" : "s";
    json["warnings"].push_back(
        fmt::format("ledger {}: {} damaged part{} skipped", path, unreadable, plural));
  }
  json["transactions"] = OtaJson::array();
  for (const auto& [number, transaction] : transactions) {
    json["transactions"].push_back(transaction_json(transaction));
  }
  return json_text(json);
}

Result<std::string> history_table(std::string_view reply) {
  return table_of(reply, "transactions",
                  {"NUMBER", "BEGAN", "ENGINE", "ID", "FROM -> TO", "SECONDS", "RESULT", "CAUSE",
                   "EVIDENCE", "DETAIL"},
                  history_row);
}

Result<std::string> status_table(std::string_view reply) {
  return table_of(reply, "open",
                  {"NUMBER", "BEGAN", "ENGINE", "ID", "FROM -> TO", "SECONDS", "STATE", "PROGRESS"},
                  status_row);
}

Result<std::string> list_in_reply(std::string_view reply, std::string_view key) {
  const auto json = good_reply(reply);
  if (!json) return fail(json.error().message);
  const auto found = json->find(std::string(key));
  return json_text(found == json->end() ? OtaJson::array() : *found);
}

}  // namespace kernel_exporter

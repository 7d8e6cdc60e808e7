// SPDX-License-Identifier: Apache-2.0
#include "ota/ledger/record.h"

#include "ota/ledger/json_text.h"

namespace kernel_exporter {
namespace {

template <size_t kNames, size_t kCounts>
OtaJson counts_json(const std::array<std::string_view, kNames>& names,
                    const std::array<uint64_t, kCounts>& counts) {
  OtaJson json = OtaJson::object();
  for (size_t i = 0; i < kCounts; ++i) {
    if (counts[i] > 0) json[std::string(names[i])] = counts[i];
  }
  return json;
}

// A name that a later version added has no place here; the others still count.
template <size_t kNames, size_t kCounts>
void read_counts(const OtaJson& json, const std::array<std::string_view, kNames>& names,
                 std::array<uint64_t, kCounts>& counts) {
  for (const auto& [name, count] : json.items()) {
    const auto index = word_of<size_t>(names, name);
    if (index && *index < kCounts) counts[*index] = whole_number<uint64_t>(json, name);
  }
}

OtaRecord record_of(const OtaJson& json) {
  OtaRecord record;
  record.boot_id = json.at("boot_id").get<std::string>();
  record.at.boottime_ns = whole_number<int64_t>(json, "boottime_ns");
  record.at.wall_ms = whole_number<int64_t>(json, "wall_ms");
  if (json.contains("transaction")) record.transaction = transaction_of(json.at("transaction"));
  const OtaJson all_totals = json.value("totals", OtaJson::object());
  for (const auto& [engine, totals] : all_totals.items()) {
    read_counts(totals.at("results"), kOtaOutcomeNames, record.totals[engine].outcomes);
    read_counts(totals.at("causes"), kOtaCauseNames, record.totals[engine].causes);
  }
  record.next_number = whole_number_or<uint64_t>(json, "next_number", 0);
  return record;
}

}  // namespace

std::string encode_record(const OtaRecord& record) {
  OtaJson json = {{"boot_id", record.boot_id},
                  {"boottime_ns", record.at.boottime_ns},
                  {"wall_ms", record.at.wall_ms}};
  if (record.transaction) json["transaction"] = transaction_json(*record.transaction);
  for (const auto& [engine, totals] : record.totals) {
    json["totals"][engine] = {{"results", counts_json(kOtaOutcomeNames, totals.outcomes)},
                              {"causes", counts_json(kOtaCauseNames, totals.causes)}};
  }
  if (record.next_number > 0) json["next_number"] = record.next_number;
  return json_text(json);
}

Result<OtaRecord> decode_record(std::string_view payload) {
  try {
    return record_of(OtaJson::parse(payload));
  } catch (const std::exception& error) {
    return fail(std::string("record: ") + error.what());
  }
}

}  // namespace kernel_exporter

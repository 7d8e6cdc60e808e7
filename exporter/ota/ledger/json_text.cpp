// SPDX-License-Identifier: Apache-2.0
#include "ota/ledger/json_text.h"

namespace kernel_exporter {
namespace {

template <size_t kCount>
size_t index_in(const std::array<std::string_view, kCount>& names, const std::string& name) {
  const auto index = word_of<size_t>(names, name);
  if (!index) throw std::invalid_argument("unknown word \"" + name + "\"");
  return *index;
}

OtaJson device_json(const OtaDevice& device) {
  return {{"path", device.path},   {"role", name_of(device.role)}, {"name", device.name},
          {"major", device.major}, {"minor", device.minor},        {"block", device.block}};
}

OtaDevice device_of(const OtaJson& json) {
  OtaDevice device;
  device.path = json.at("path").get<std::string>();
  device.role = static_cast<OtaRole>(index_in(kOtaRoleNames, json.at("role").get<std::string>()));
  device.name = json.at("name").get<std::string>();
  device.major = whole_number<uint32_t>(json, "major");
  device.minor = whole_number<uint32_t>(json, "minor");
  device.block = json.at("block").get<bool>();
  return device;
}

OtaCause cause_of(const OtaJson& json) {
  return static_cast<OtaCause>(index_in(kOtaCauseNames, json.get<std::string>()));
}

std::optional<uint64_t> offset_of(const OtaJson& json) {
  if (!json.contains("offset")) return {};
  return whole_number<uint64_t>(json, "offset");
}

OtaJson evidence_json(const OtaEvidence& evidence) {
  OtaJson json = {{"cause", name_of(evidence.cause)},
                  {"device", evidence.device},
                  {"status", evidence.status},
                  {"at_ns", evidence.at_ns},
                  {"count", evidence.count}};
  if (evidence.offset) json["offset"] = *evidence.offset;
  if (evidence.began_ns) json["began_ns"] = *evidence.began_ns;
  if (evidence.ended_ns) json["ended_ns"] = *evidence.ended_ns;
  if (evidence.sent) json["sent"] = true;
  return json;
}

OtaEvidence evidence_of(const OtaJson& json) {
  OtaEvidence evidence;
  evidence.cause = cause_of(json.at("cause"));
  evidence.device = json.at("device").get<std::string>();
  evidence.status = json.at("status").get<std::string>();
  evidence.at_ns = whole_number<int64_t>(json, "at_ns");
  evidence.count = whole_number<uint64_t>(json, "count");
  evidence.offset = offset_of(json);
  if (json.contains("began_ns")) evidence.began_ns = whole_number<int64_t>(json, "began_ns");
  if (json.contains("ended_ns")) evidence.ended_ns = whole_number<int64_t>(json, "ended_ns");
  evidence.sent = json.value("sent", false);
  return evidence;
}

void write_result(const OtaTransaction& transaction, OtaJson& json) {
  if (!transaction.evidence.empty()) json["evidence"] = OtaJson::array();
  for (const auto& seen : transaction.evidence) json["evidence"].push_back(evidence_json(seen));
  if (!transaction.outcome) return;
  json["result"] = name_of(*transaction.outcome);
  json["ended_ms"] = transaction.ended_ms;
  json["cause"] = name_of(transaction.cause);
  if (!transaction.cause_device.empty()) json["device"] = transaction.cause_device;
  if (transaction.cause_offset) json["offset"] = *transaction.cause_offset;
  if (!transaction.detail.empty()) json["detail"] = transaction.detail;
}

void read_result(const OtaJson& json, OtaTransaction& transaction) {
  for (const auto& seen : json.value("evidence", OtaJson::array())) {
    transaction.evidence.push_back(evidence_of(seen));
  }
  if (!json.contains("result")) return;
  transaction.outcome =
      static_cast<OtaOutcome>(index_in(kOtaOutcomeNames, json.at("result").get<std::string>()));
  transaction.ended_ms = whole_number<int64_t>(json, "ended_ms");
  transaction.cause = cause_of(json.at("cause"));
  transaction.cause_device = json.value("device", "");
  transaction.cause_offset = offset_of(json);
  transaction.detail = json.value("detail", "");
}

void read_times(const OtaJson& json, OtaTransaction& transaction) {
  const OtaJson& state_ns = json.at("state_ns");
  for (const auto& [name, time] : state_ns.items()) {
    transaction.state_ns[index_in(kOtaStateNames, name)] = whole_number<int64_t>(state_ns, name);
  }
  transaction.elapsed_ns = whole_number<int64_t>(json, "elapsed_ns");
  transaction.since_ns = whole_number<int64_t>(json, "since_ns");
  transaction.started_ms = whole_number<int64_t>(json, "started_ms");
  transaction.activity_ms = whole_number<int64_t>(json, "activity_ms");
}

}  // namespace

std::string json_text(const OtaJson& json) {
  return json.dump(-1, ' ', false, OtaJson::error_handler_t::replace);
}

OtaJson transaction_json(const OtaTransaction& transaction) {
  OtaJson json = {{"number", transaction.number}, {"id", transaction.id},
                  {"engine", transaction.engine}, {"from", transaction.from},
                  {"to", transaction.to},         {"payload_bytes", transaction.payload_bytes}};
  json["devices"] = OtaJson::array();
  for (const auto& device : transaction.devices) json["devices"].push_back(device_json(device));
  if (!transaction.cgroup.empty()) json["cgroup"] = transaction.cgroup;
  if (transaction.process.id != 0) {
    json["process"] = transaction.process.id;
    json["process_start"] = transaction.process.start;
  }
  if (!transaction.needs_reboot) json["needs_reboot"] = false;
  json["states"] = OtaJson::array();
  json["state_ns"] = OtaJson::object();
  for (size_t i = 0; i < kOtaStateNames.size(); ++i) {
    if (transaction.states.test(i)) json["states"].push_back(kOtaStateNames[i]);
    if (transaction.state_ns[i] > 0) {
      json["state_ns"][std::string(kOtaStateNames[i])] = transaction.state_ns[i];
    }
  }
  json["elapsed_ns"] = transaction.elapsed_ns;
  json["since_ns"] = transaction.since_ns;
  json["started_ms"] = transaction.started_ms;
  json["activity_ms"] = transaction.activity_ms;
  if (transaction.progress) json["progress"] = *transaction.progress;
  json["downloaded_bytes"] = transaction.downloaded_bytes;
  if (!transaction.reboot.empty()) json["reboot"] = transaction.reboot;
  write_result(transaction, json);
  return json;
}

OtaTransaction transaction_of(const OtaJson& json) {
  OtaTransaction transaction;
  transaction.number = whole_number<uint64_t>(json, "number");
  transaction.id = json.at("id").get<std::string>();
  transaction.engine = json.at("engine").get<std::string>();
  transaction.from = json.at("from").get<std::string>();
  transaction.to = json.at("to").get<std::string>();
  transaction.payload_bytes = whole_number<uint64_t>(json, "payload_bytes");
  for (const auto& device : json.at("devices")) transaction.devices.push_back(device_of(device));
  transaction.cgroup = json.value("cgroup", "");
  transaction.process.id = whole_number_or<int64_t>(json, "process", 0);
  transaction.process.start = whole_number_or<uint64_t>(json, "process_start", 0);
  transaction.needs_reboot = json.value("needs_reboot", true);
  transaction.states.reset();
  for (const auto& state : json.at("states")) {
    transaction.states.set(index_in(kOtaStateNames, state.get<std::string>()));
  }
  read_times(json, transaction);
  if (json.contains("progress")) transaction.progress = json.at("progress").get<double>();
  transaction.downloaded_bytes = whole_number<uint64_t>(json, "downloaded_bytes");
  transaction.reboot = json.value("reboot", "");
  read_result(json, transaction);
  return transaction;
}

}  // namespace kernel_exporter

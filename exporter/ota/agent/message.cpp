// SPDX-License-Identifier: Apache-2.0
#include "ota/agent/message.h"

#include "ota/agent/fields.h"
#include "ota/tracker/config.h"

namespace kernel_exporter {
namespace {

constexpr size_t kMaxNameBytes = 128;
constexpr size_t kMaxPathBytes = 255;
constexpr size_t kMaxDetailBytes = 512;
constexpr size_t kMaxDevices = 16;
constexpr uint64_t kMaxHistory = 1000;

using Presence = OtaFields::Presence;
using Roles = std::map<std::string, OtaRole>;

std::string parse_engine(OtaFields& fields, Presence presence) {
  std::string engine = fields.text("engine", kMaxNameBytes, presence);
  if (!engine.empty() && !is_engine_name(engine)) {
    fields.refuse(OtaRefusalReason::kInvalidValue,
                  "engine \"" + engine + "\": at most 32 letters, digits, \"_\", \"-\", \".\"");
  }
  return engine;
}

OtaDevice parse_device(const OtaJson& json, const Roles& roles, OtaFields& message) {
  OtaFields fields(json, "a device");
  OtaDevice device;
  device.path = fields.text("path", kMaxPathBytes, Presence::kRequired);
  auto role = fields.word<OtaRole>("role", kOtaRoleNames);
  fields.finish();
  const auto configured = roles.find(device.path);
  if (!role && configured != roles.end()) role = configured->second;
  if (!device.path.starts_with('/')) {
    fields.refuse(OtaRefusalReason::kInvalidValue,
                  "device \"" + device.path + "\" must be an absolute path");
  }
  if (!role) {
    fields.refuse(OtaRefusalReason::kInvalidValue,
                  "device " + device.path + " has no role: slot, bootenv or data");
  }
  if (fields.refusal()) message.refuse(fields.refusal()->reason, fields.refusal()->text);
  device.role = role.value_or(OtaRole::kData);
  return device;
}

OtaBegin parse_begin(OtaFields& fields, const Roles& roles) {
  OtaBegin begin;
  begin.id = fields.text("id", kMaxNameBytes, Presence::kRequired);
  begin.engine = parse_engine(fields, Presence::kRequired);
  begin.from = fields.text("from", kMaxNameBytes);
  begin.to = fields.text("to", kMaxNameBytes);
  begin.payload_bytes = fields.whole_number("payload_bytes").value_or(0);
  begin.cgroup = fields.text("cgroup", kMaxPathBytes);
  if (!begin.cgroup.empty() && !begin.cgroup.starts_with('/')) {
    fields.refuse(OtaRefusalReason::kInvalidValue,
                  "\"cgroup\" must be a path below the cgroup2 root, such as \"/ota.slice\"");
  }
  begin.process.id = static_cast<int64_t>(fields.whole_number("process").value_or(0));
  begin.needs_reboot = fields.flag("reboot").value_or(true);
  const OtaJson* devices = fields.take("devices");
  if (!devices) return begin;
  if (!devices->is_array() || devices->size() > kMaxDevices) {
    fields.refuse(OtaRefusalReason::kInvalidValue,
                  "\"devices\" must be a list of at most 16 devices");
    return begin;
  }
  for (const OtaJson& json : *devices) begin.devices.push_back(parse_device(json, roles, fields));
  return begin;
}

OtaTarget parse_target(OtaFields& fields) {
  return {parse_engine(fields, Presence::kOptional), fields.text("id", kMaxNameBytes)};
}

// One state, or a list of those that go on at once.
OtaStates parse_states(OtaFields& fields) {
  OtaStates states;
  const OtaJson* given = fields.take("state");
  if (!given) return states;
  const OtaJson list = given->is_array() ? *given : OtaJson::array({*given});
  for (const OtaJson& entry : list) {
    const auto* name = entry.get_ptr<const OtaJson::string_t*>();
    const auto state = name ? word_of<OtaState>(kOtaStateNames, *name) : std::nullopt;
    if (state) {
      states.set(index_of(*state));
    } else {
      // Not the last, confirming: only a boot leads there.
      fields.refuse_word("state", name ? name->substr(0, 64) : json_text(entry).substr(0, 64),
                         {kOtaStateNames.begin(), kOtaStateNames.end() - 1});
    }
  }
  return states;
}

OtaSet parse_set(OtaFields& fields) {
  OtaSet set;
  set.target = parse_target(fields);
  set.states = parse_states(fields);
  set.progress = fields.number("progress", 0, 100);
  if (set.progress) *set.progress /= 100;
  set.downloaded_bytes = fields.whole_number("downloaded_bytes");
  if (set.states.none() && !set.progress && !set.downloaded_bytes) {
    fields.refuse(OtaRefusalReason::kInvalidValue,
                  "set has none of \"state\", \"progress\" and \"downloaded_bytes\"");
  }
  return set;
}

OtaEnd parse_end(OtaFields& fields) {
  constexpr std::array<std::string_view, 4> kEnds = {"installed", "failed", "confirmed",
                                                     "rolled_back"};
  OtaEnd end;
  end.target = parse_target(fields);
  const auto how = fields.word<size_t>("result", kEnds, Presence::kRequired).value_or(0);
  end.event = static_cast<OtaEvent>(index_of(OtaEvent::kEndInstalled) + how);
  const auto cause = fields.word<OtaCause>("cause", kOtaCauseNames);
  end.cause = cause.value_or(OtaCause::kNone);
  const bool fault = end.event == OtaEvent::kEndFailed || end.event == OtaEvent::kEndRolledBack;
  if (cause && !fault) {
    fields.refuse(OtaRefusalReason::kInvalidValue,
                  "only the results failed and rolled_back have a \"cause\"");
  }
  end.detail = fields.text("detail", kMaxDetailBytes);
  return end;
}

OtaHistoryRequest parse_history(OtaFields& fields) {
  OtaHistoryRequest history;
  history.engine = parse_engine(fields, Presence::kOptional);
  history.limit = std::min(fields.whole_number("limit").value_or(history.limit), kMaxHistory);
  return history;
}

OtaMessage parse_kind(const std::string& kind, OtaFields& fields, const Roles& roles) {
  if (kind == "begin") return parse_begin(fields, roles);
  if (kind == "set") return parse_set(fields);
  if (kind == "end") return parse_end(fields);
  if (kind == "history") return parse_history(fields);
  if (kind != "status") {
    fields.refuse(OtaRefusalReason::kUnknownKind,
                  "unknown kind \"" + kind +
                      "\", expected one of \"begin\", \"set\", \"end\", \"status\", \"history\"");
  }
  return OtaStatusRequest{};
}

tl::unexpected<OtaRefusal> refusal(OtaRefusalReason reason, std::string text) {
  return tl::unexpected<OtaRefusal>(OtaRefusal{reason, std::move(text)});
}

}  // namespace

tl::expected<OtaMessage, OtaRefusal> parse_ota_message(std::string_view text, const Roles& roles) {
  if (text.size() > kMaxOtaMessageBytes) {
    return refusal(OtaRefusalReason::kOversized, "a message has at most 4096 bytes");
  }
  const OtaJson json = OtaJson::parse(text, nullptr, false);
  if (!json.is_object()) {
    return refusal(OtaRefusalReason::kMalformed, "a message is one JSON object in UTF-8");
  }
  OtaFields fields(json, "the message");
  const std::string kind = fields.text("kind", 64, Presence::kRequired);
  if (fields.refusal()) return tl::unexpected<OtaRefusal>(*fields.refusal());
  OtaMessage message = parse_kind(kind, fields, roles);
  fields.finish();
  if (fields.refusal()) return tl::unexpected<OtaRefusal>(*fields.refusal());
  return message;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/agent/client.h"

#include "ota/ledger/json_text.h"

namespace kernel_exporter {
namespace {

// Null: nothing was given.
OtaJson json_of(const std::string& text) { return text.empty() ? OtaJson() : OtaJson(text); }
OtaJson json_of(const std::vector<std::string>& texts) {
  return texts.empty() ? OtaJson() : OtaJson(texts);
}
template <typename Value>
OtaJson json_of(const std::optional<Value>& value) {
  return value ? OtaJson(*value) : OtaJson();
}

OtaJson json_of(const OtaDeviceArgument& device) {
  const auto equals = device.argument.rfind('=');
  OtaJson json = {{"path", device.argument.substr(0, equals)}};
  if (equals != std::string::npos) json["role"] = device.argument.substr(equals + 1);
  return json;
}

OtaJson json_of(const std::vector<OtaDeviceArgument>& devices) {
  OtaJson json;
  for (const OtaDeviceArgument& device : devices) json.push_back(json_of(device));
  return json;
}

}  // namespace

std::string message_text(std::string_view kind,
                         const std::vector<std::pair<std::string_view, OtaArgument>>& arguments) {
  OtaJson message = {{"kind", kind}};
  for (const auto& [key, argument] : arguments) {
    OtaJson json = std::visit([](const auto& value) { return json_of(value); }, argument);
    if (!json.is_null()) message[std::string(key)] = std::move(json);
  }
  return json_text(message);
}

Result<OtaReply> parse_reply(std::string_view reply) {
  const OtaJson json = OtaJson::parse(reply, nullptr, false);
  if (!json.is_object()) return fail(std::string(reply));
  try {
    if (!json.value("ok", false)) return fail(json.value("error", std::string(reply)));
    return OtaReply{whole_number_or<uint64_t>(json, "transaction", 0),
                    json.value(json.contains("result") ? "result" : "state", ""),
                    json.value("cause", "none")};
  } catch (const std::exception& error) {
    return fail(std::string("answer: ") + error.what());
  }
}

std::vector<std::string> warnings_in_reply(std::string_view reply) {
  const OtaJson json = OtaJson::parse(reply, nullptr, false);
  std::vector<std::string> warnings;
  if (!json.is_object() || !json.contains("warnings")) return warnings;
  for (const OtaJson& warning : json["warnings"]) {
    if (warning.is_string()) warnings.push_back(warning.get<std::string>());
  }
  return warnings;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/agent/message.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

const std::map<std::string, OtaRole> kRoles = {{"/dev/known", OtaRole::kBootenv}};

std::string begin_with(const std::string& more) {
  return R"({"kind":"begin","id":"1","engine":"e")" + more + "}";
}

TEST(OtaMessage, TakesWhatIsDocumented) {
  for (const std::string& text : {
           begin_with(""),
           begin_with(R"(,"from":"1","to":"2","payload_bytes":12,"cgroup":"/ota.slice")"),
           begin_with(R"(,"process":12)"),
           begin_with(R"(,"devices":[{"path":"/dev/a","role":"slot"},{"path":"/dev/known"}])"),
           begin_with(R"(,"reboot":false)"),
           std::string(R"({"kind":"set","state":"applying"})"),
           std::string(R"({"kind":"set","state":["downloading","applying"],"progress":40.5})"),
           std::string(R"({"kind":"set","downloaded_bytes":0,"engine":"e","id":"1"})"),
           std::string(R"({"kind":"end","result":"installed"})"),
           std::string(R"({"kind":"end","result":"failed","cause":"io_error","detail":"é"})"),
           std::string(R"({"kind":"end","result":"rolled_back","cause":"none"})"),
           std::string(R"({"kind":"end","result":"confirmed"})"),
           std::string(R"({"kind":"status"})"),
           std::string(R"({"kind":"history","limit":3,"engine":"e"})"),
       }) {
    const auto message = parse_ota_message(text, kRoles);
    EXPECT_TRUE(message) << text << ": " << message.error().text;
  }
}

TEST(OtaMessage, RefusesTheRestWithAReason) {
  struct Row {
    std::string text;
    std::string_view reason;
    std::string_view says;
  };
  const Row rows[] = {
      {"", "malformed", "JSON object"},
      {"{", "malformed", "JSON object"},
      {"[]", "malformed", "JSON object"},
      {"\"begin\"", "malformed", "JSON object"},
      {"{\"kind\":\"\xff\"}", "malformed", "UTF-8"},
      {std::string(4096, '['), "malformed", "JSON object"},
      {std::string(4097, ' '), "oversized", "4096"},
      {"{}", "invalid_value", "the message has no \"kind\""},
      {R"({"kind":7})", "invalid_value", "\"kind\""},
      {R"({"kind":"fly"})", "unknown_kind", "\"fly\""},
      {R"({"kind":"status","x":1})", "unknown_key", "\"x\""},
      {R"({"kind":"begin","engine":"e"})", "invalid_value", "no \"id\""},
      {R"({"kind":"begin","id":"1"})", "invalid_value", "no \"engine\""},
      {R"({"kind":"begin","id":"1","engine":"a b"})", "invalid_value", "\"a b\""},
      {R"({"kind":"begin","id":"a\nb","engine":"e"})", "invalid_value", "control characters"},
      {begin_with(R"(,"id2":"x")"), "unknown_key", "\"id2\""},
      {begin_with(R"(,"payload_bytes":-1)"), "invalid_value", "whole number"},
      {begin_with(R"(,"payload_bytes":"1")"), "invalid_value", "whole number"},
      {begin_with(R"(,"process":-1)"), "invalid_value", "whole number"},
      {begin_with(R"(,"reboot":"no")"), "invalid_value", "true or false"},
      {begin_with(R"(,"cgroup":"ota.slice")"), "invalid_value", "cgroup"},
      {begin_with(R"(,"to":")" + std::string(129, 'x') + "\""), "invalid_value", "128"},
      {begin_with(R"(,"devices":{})"), "invalid_value", "list"},
      {begin_with(R"(,"devices":["/dev/a"])"), "invalid_value", "JSON object"},
      {begin_with(R"(,"devices":[{"path":"/dev/a"}])"), "invalid_value", "no role"},
      {begin_with(R"(,"devices":[{"path":"a","role":"slot"}])"), "invalid_value", "absolute"},
      {begin_with(R"(,"devices":[{"path":"/a","role":"disk"}])"), "invalid_value", "\"disk\""},
      {begin_with(R"(,"devices":[{"path":"/a","role":"slot","x":1}])"), "unknown_key", "a device"},
      {R"({"kind":"set"})", "invalid_value", "none of"},
      {R"({"kind":"set","state":"flying"})", "invalid_value", "\"flying\""},
      {R"({"kind":"set","state":["applying",3]})", "invalid_value", "\"3\""},
      {R"({"kind":"set","state":{}})", "invalid_value", "\"{}\""},
      {R"({"kind":"set","progress":101})", "invalid_value", "0 to 100"},
      {R"({"kind":"set","progress":-0.1})", "invalid_value", "0 to 100"},
      {R"({"kind":"set","progress":"40"})", "invalid_value", "0 to 100"},
      {R"({"kind":"end"})", "invalid_value", "no \"result\""},
      {R"({"kind":"end","result":"interrupted"})", "invalid_value", "\"interrupted\""},
      {R"({"kind":"end","result":"failed","cause":"bad_luck"})", "invalid_value", "\"bad_luck\""},
      {R"({"kind":"end","result":"confirmed","cause":"io_error"})", "invalid_value", "cause"},
      {R"({"kind":"history","limit":1.5})", "invalid_value", "whole number"},
  };
  for (const Row& row : rows) {
    const auto message = parse_ota_message(row.text, kRoles);
    ASSERT_FALSE(message) << row.text;
    EXPECT_EQ(kOtaRefusalNames[index_of(message.error().reason)], row.reason) << row.text;
    EXPECT_NE(message.error().text.find(row.says), std::string::npos) << message.error().text;
  }
}

TEST(OtaMessage, OffersNoStateThatNobodyCanSet) {
  const auto message = parse_ota_message(R"({"kind":"set","state":"flying"})", kRoles);
  ASSERT_FALSE(message);
  EXPECT_TRUE(message.error().text.ends_with(
      "expected one of \"idle\", \"downloading\", \"verifying\", \"applying\", \"rebooting\""))
      << message.error().text;
}

TEST(OtaMessage, TakesTheRoleOfAConfiguredDevice) {
  const auto message =
      parse_ota_message(begin_with(R"(,"devices":[{"path":"/dev/known"}])"), kRoles);
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<OtaBegin>(*message).devices.front().role, OtaRole::kBootenv);
}

}  // namespace
}  // namespace kernel_exporter

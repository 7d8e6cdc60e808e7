// SPDX-License-Identifier: Apache-2.0
#include "ota/agent/client.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

TEST(MessageText, LeavesOutWhatIsEmpty) {
  EXPECT_EQ(message_text("status", {{"id", std::string()}, {"limit", std::optional<uint64_t>()}}),
            R"({"kind":"status"})");
  EXPECT_EQ(message_text("set", {{"id", std::string("a\"b")},
                                 {"state", std::vector<std::string>{"downloading", "applying"}},
                                 {"progress", std::optional<double>(0)},
                                 {"downloaded_bytes", std::optional<uint64_t>(1ULL << 63)}}),
            R"({"kind":"set","id":"a\"b","state":["downloading","applying"],"progress":0.0,)"
            R"("downloaded_bytes":9223372036854775808})");
}

TEST(MessageText, SplitsDevicesAtTheirLastEqualsSign) {
  EXPECT_EQ(
      message_text("begin",
                   {{"reboot", std::optional<bool>(false)},
                    {"devices", std::vector<OtaDeviceArgument>{{"/dev/a=b=slot"}, {"/dev/c"}}}}),
      R"({"kind":"begin","reboot":false,"devices":[{"path":"/dev/a=b","role":"slot"},)"
      R"({"path":"/dev/c"}]})");
}

TEST(ParseReply, TellsStateOrResult) {
  const auto open = parse_reply(R"({"ok":true,"transaction":7,"state":"applying"})");
  ASSERT_TRUE(open);
  EXPECT_EQ(open->transaction, 7u);
  EXPECT_EQ(open->word, "applying");
  EXPECT_EQ(open->cause, "none");
  const auto ended =
      parse_reply(R"({"ok":true,"transaction":7,"result":"failed","cause":"starved"})");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->word, "failed");
  EXPECT_EQ(ended->cause, "starved");
}

TEST(ParseReply, RefusesWhatIsNoAnswerWithTheExportersWordsWhereThereAreAny) {
  EXPECT_EQ(parse_reply(R"({"ok":false,"error":"no such transaction"})").error().message,
            "no such transaction");
  EXPECT_EQ(parse_reply("garbage").error().message, "garbage");
  EXPECT_FALSE(parse_reply(R"({"ok":true,"transaction":"seven"})"));
  EXPECT_FALSE(parse_reply(R"({"ok":true,"transaction":1e30})"));
  EXPECT_FALSE(parse_reply(R"({"ok":"yes"})"));
  EXPECT_FALSE(parse_reply("[]"));
}

TEST(WarningsInReply, SurviveAnyAnswer) {
  EXPECT_EQ(warnings_in_reply(R"({"ok":true,"warnings":["one",2,"three"]})"),
            (std::vector<std::string>{"one", "three"}));
  EXPECT_TRUE(warnings_in_reply("garbage").empty());
  EXPECT_TRUE(warnings_in_reply("{}").empty());
}

}  // namespace
}  // namespace kernel_exporter

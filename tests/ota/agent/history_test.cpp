// SPDX-License-Identifier: Apache-2.0
#include "ota/agent/history.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "../../host/temporary_tree.h"
#include "ota/ledger/frame.h"
#include "ota/ledger/json_text.h"
#include "ota/ledger/record.h"

namespace kernel_exporter {
namespace {

std::string record(uint64_t number) {
  OtaRecord record;
  record.transaction.emplace();
  record.transaction->number = number;
  record.transaction->engine = "custom";
  return frame_record(encode_record(record));
}

class HistoryOfLedger : public testing::Test {
 protected:
  OtaJson read(const std::string& bytes) {
    tree_.file("ota.ledger", bytes);
    const auto reply = history_of_ledger(path_);
    if (!reply) return reply.error().message;
    return OtaJson::parse(*reply);
  }

  const TemporaryTree tree_;
  const std::string path_ = tree_.path("ota.ledger");
};

TEST_F(HistoryOfLedger, SaysHowMuchCannotBeRead) {
  const std::string whole = record(1) + record(2);
  EXPECT_FALSE(read(whole).contains("warnings"));
  const OtaJson torn = read(record(1) + "garbage\n" + record(2) + frame_record("{}", 2));
  EXPECT_EQ(torn.at("transactions").size(), 2u);
  EXPECT_EQ(torn.at("warnings").dump(), "[\"ledger " + path_ + ": 2 damaged parts skipped\"]");
}

TEST_F(HistoryOfLedger, RefusesWhatHoldsNoRecord) {
  const OtaJson refused = "ledger " + path_ + ": no readable record, is it a ledger?";
  EXPECT_EQ(read("root:x:0:0:root:/root:/bin/bash\n"), refused);
  EXPECT_EQ(read(frame_record("no JSON")), refused);
  EXPECT_EQ(read("").at("transactions").size(), 0u);
}

TEST(HistoryInReply, TellsWhatWasSeenInTheOrderOfTime) {
  OtaTransaction transaction;
  transaction.engine = "custom";
  transaction.outcome = OtaOutcome::kFailed;
  transaction.cause = OtaCause::kNetworkStall;
  OtaEvidence killed;
  killed.cause = OtaCause::kSignalKilled;
  killed.at_ns = 75'200'000'000;
  OtaEvidence stalled;
  stalled.cause = OtaCause::kNetworkStall;
  stalled.at_ns = 70'000'000'000;
  stalled.began_ns = 10'000'000'000;
  OtaEvidence starved;
  starved.cause = OtaCause::kStarved;
  starved.at_ns = 4'000'000'000;
  starved.ended_ns = 5'500'000'000;
  transaction.evidence = {killed, stalled, starved};
  OtaJson reply = {{"ok", true}};
  reply["transactions"].push_back(transaction_json(transaction));
  const auto table = history_table(json_text(reply));
  ASSERT_TRUE(table);
  EXPECT_NE(table->find("network_stall  starved 4.0-5.5, network_stall 10.0, signal_killed 75.2"),
            std::string::npos)
      << *table;
}

TEST(HistoryInReply, RefusesAnswersThatNoExporterGives) {
  const auto refusal = [](std::string_view reply) {
    return list_in_reply(reply, "open").error().message;
  };
  EXPECT_EQ(list_in_reply(R"({"ok":true,"open":[]})", "open"), "[]");
  EXPECT_EQ(refusal("garbage"), "unexpected answer");
  EXPECT_EQ(refusal(R"({"ok":false,"error":"no ledger"})"), "no ledger");
  EXPECT_EQ(refusal(R"({"ok":"yes"})"), "rejected without a reason");
  EXPECT_EQ(refusal(R"({"ok":false,"error":7})"), "rejected without a reason");
  EXPECT_FALSE(history_table(R"({"ok":1})"));
  EXPECT_FALSE(status_table(R"({"ok":true,"open":[{}]})"));
}

TEST(HistoryTable, ShowsARowPerUpdateWhateverItsTextsHold) {
  OtaTransaction transaction;
  transaction.number = 1;
  transaction.id = "1";
  transaction.engine = "custom";
  transaction.outcome = OtaOutcome::kInterrupted;
  transaction.detail = "rebooted by sh\n2  2026-01-01  custom  2  \x1b[2J";
  const OtaJson reply = {{"ok", true}, {"transactions", {transaction_json(transaction)}}};
  const auto table = history_table(json_text(reply));
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(std::count(table->begin(), table->end(), '\n'), 2) << *table;
  EXPECT_NE(table->find("by sh\\n2  2026-01-01  custom  2  \\x1b[2J"), std::string::npos) << *table;
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/ledger/frame.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

using Payloads = std::vector<std::string>;

// The last one contains what looks like the start of a record.
const Payloads kPayloads = {R"({"a":1})", R"({"b":"two"})", R"({"c":"ota 01 "})"};

std::string file_of(const Payloads& payloads) {
  std::string bytes;
  for (const std::string& payload : payloads) bytes += frame_record(payload);
  return bytes;
}

TEST(Frame, IsReadable) { EXPECT_EQ(frame_record("{}"), "ota 01 00000002 defe49a5 {}\n"); }

TEST(Frame, ReadsBackWhatWasWritten) {
  const auto scanned = scan_records(file_of(kPayloads));
  EXPECT_EQ(scanned.payloads, kPayloads);
  EXPECT_EQ(scanned.damaged, 0u);
  EXPECT_FALSE(scanned.damaged_end);
}

TEST(Frame, LosesOnlyTheLastRecordWhereverItIsTorn) {
  const std::string whole = file_of(kPayloads);
  const Payloads before(kPayloads.begin(), kPayloads.end() - 1);
  const size_t start = file_of(before).size();
  for (size_t length = start; length < whole.size(); ++length) {
    const auto scanned = scan_records(std::string_view(whole).substr(0, length));
    EXPECT_EQ(scanned.payloads, before) << length;
    EXPECT_EQ(scanned.damaged, length == start ? 0u : 1u) << length;
    EXPECT_EQ(scanned.damaged_end, length != start) << length;
  }
}

TEST(Frame, LosesOnlyTheRecordOfAChangedByte) {
  const std::string whole = file_of(kPayloads);
  size_t start = 0;
  for (size_t record = 0; record < kPayloads.size(); ++record) {
    Payloads others = kPayloads;
    others.erase(others.begin() + static_cast<ptrdiff_t>(record));
    const size_t end = start + frame_record(kPayloads[record]).size();
    for (size_t at = start; at < end; ++at) {
      for (const int bits : {0x01, 0x20, 0x80, 0xff}) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ bits);
        const auto scanned = scan_records(changed);
        EXPECT_EQ(scanned.payloads, others) << at << " ^ " << bits;
        EXPECT_TRUE(scanned.newer_frames.empty()) << at << " ^ " << bits;
        EXPECT_EQ(scanned.damaged, 1u) << at << " ^ " << bits;
      }
    }
    start = end;
  }
}

TEST(Frame, KeepsRecordsOfLaterVersionsApart) {
  const std::string later = frame_record("{\"new\":true}", 2);
  const auto scanned = scan_records(frame_record("{}") + later + frame_record("[]"));
  EXPECT_EQ(scanned.payloads, (Payloads{"{}", "[]"}));
  EXPECT_EQ(scanned.newer_frames, (Payloads{later}));
  EXPECT_EQ(scanned.damaged, 0u);
}

TEST(Frame, FindsNothingInOtherFiles) {
  for (const std::string& bytes : {std::string(4096, '\0'), std::string("ota ota ota "),
                                   std::string("ota 01 ffffffff 00000000 "), std::string("\n")}) {
    const auto scanned = scan_records(bytes);
    EXPECT_TRUE(scanned.payloads.empty());
    EXPECT_EQ(scanned.damaged, 1u);
  }
  EXPECT_EQ(scan_records("").damaged, 0u);
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/ledger/record.h"

#include <gtest/gtest.h>

#include "ota/ledger/json_text.h"

namespace kernel_exporter {
namespace {

// A record in which one value was replaced.
std::string record_with(const std::string& path, const OtaJson& value) {
  OtaRecord record;
  record.totals["custom"].outcomes[0] = 1;
  record.next_number = 2;
  OtaTransaction& transaction = record.transaction.emplace();
  transaction.devices.emplace_back();
  transaction.state_ns[0] = 1;
  transaction.process = {1, 2};
  transaction.outcome = OtaOutcome::kFailed;
  transaction.cause_offset = 3;
  transaction.evidence.emplace_back();
  OtaJson json = OtaJson::parse(encode_record(record));
  OtaJson& place = json.at(OtaJson::json_pointer(path));
  if (!value.is_null()) place = value;
  return json_text(json);
}

constexpr const char* kNumbers[] = {"/boottime_ns",
                                    "/wall_ms",
                                    "/next_number",
                                    "/totals/custom/results/succeeded",
                                    "/transaction/number",
                                    "/transaction/payload_bytes",
                                    "/transaction/process",
                                    "/transaction/process_start",
                                    "/transaction/devices/0/major",
                                    "/transaction/devices/0/minor",
                                    "/transaction/state_ns/idle",
                                    "/transaction/elapsed_ns",
                                    "/transaction/since_ns",
                                    "/transaction/started_ms",
                                    "/transaction/activity_ms",
                                    "/transaction/downloaded_bytes",
                                    "/transaction/ended_ms",
                                    "/transaction/offset",
                                    "/transaction/evidence/0/at_ns",
                                    "/transaction/evidence/0/count"};

TEST(OtaRecord, RefusesNumbersThatItCannotHold) {
  for (const std::string path : kNumbers) {
    EXPECT_TRUE(decode_record(record_with(path, {}))) << path;
    EXPECT_TRUE(decode_record(record_with(path, 7))) << path;
    for (const OtaJson& value : {OtaJson(1.2e32), OtaJson(0.5), OtaJson("7"), OtaJson(true)}) {
      EXPECT_FALSE(decode_record(record_with(path, value))) << path << ": " << value;
    }
  }
  EXPECT_TRUE(decode_record(record_with("/wall_ms", -1)));
  EXPECT_FALSE(decode_record(record_with("/wall_ms", uint64_t{1} << 63)));
  EXPECT_TRUE(decode_record(record_with("/next_number", uint64_t{1} << 63)));
  EXPECT_FALSE(decode_record(record_with("/next_number", -1)));
  EXPECT_FALSE(decode_record(record_with("/transaction/devices/0/major", uint64_t{1} << 32)));
}

}  // namespace
}  // namespace kernel_exporter

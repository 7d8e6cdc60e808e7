// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "ota/model/clock.h"
#include "ota/model/transaction.h"

namespace kernel_exporter {

// What an engine's event counters stand at.
struct OtaTotals {
  std::array<uint64_t, kOtaOutcomeNames.size()> outcomes{};
  std::array<uint64_t, kOtaCauseCount> causes{};

  bool operator==(const OtaTotals&) const = default;
};

// One record of the ledger: where and when it was written, and what it tells. A transaction is
// always told whole, so that its last record is all that is needed.
struct OtaRecord {
  std::string boot_id;
  OtaMoment at;
  std::optional<OtaTransaction> transaction;
  std::map<std::string, OtaTotals> totals;  // by engine
  uint64_t next_number = 0;                 // 0: not told
};

std::string encode_record(const OtaRecord& record);
[[nodiscard]] Result<OtaRecord> decode_record(std::string_view payload);

}  // namespace kernel_exporter

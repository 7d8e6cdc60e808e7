// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <string>
#include <string_view>

#include "ota/agent/message.h"
#include "ota/tracker/tracker.h"

namespace kernel_exporter {

// Answers the messages of agents: parses, hands on to the tracker, writes the reply. Thread-safe.
class OtaAgent {
 public:
  OtaAgent(OtaTracker& tracker, std::map<std::string, OtaRole> roles)
      : tracker_(tracker), roles_(std::move(roles)) {}

  // One JSON object: {"ok":true,...} or {"ok":false,"reason":...,"error":...}. Never throws.
  std::string answer(std::string_view message);

  // Counts a refusal and writes the reply to it.
  std::string refuse(OtaRefusalReason reason, std::string_view text);
  uint64_t refused(OtaRefusalReason reason) const { return refused_[index_of(reason)]; }

 private:
  std::string answer_checked(std::string_view message);
  std::string report(const Result<OtaAnswer>& answer);
  std::string reply(const OtaBegin& begin) { return report(tracker_.begin(begin)); }
  std::string reply(const OtaSet& set) { return report(tracker_.set(set)); }
  std::string reply(const OtaEnd& end) { return report(tracker_.end(end)); }
  std::string reply(const OtaStatusRequest& request);
  std::string reply(const OtaHistoryRequest& request);

  OtaTracker& tracker_;
  const std::map<std::string, OtaRole> roles_;
  std::array<std::atomic<uint64_t>, kOtaRefusalNames.size()> refused_{};
  std::atomic<int64_t> logged_second_ = -1;
};

}  // namespace kernel_exporter

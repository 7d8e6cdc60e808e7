// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ota/model/transaction.h"
#include "ota/model/transition.h"

namespace kernel_exporter {

// What agents and adapters ask of OtaTracker.

struct OtaBegin {
  std::string id;
  std::string engine;
  std::string from;
  std::string to;
  uint64_t payload_bytes = 0;      // 0: not known
  std::vector<OtaDevice> devices;  // path and role; none: those of the configuration
  std::string cgroup;
  OtaProcess process;        // the id alone is enough
  bool needs_reboot = true;  // false: installed is succeeded
};

// Which open transaction is meant; "" leaves it to the other, both empty: the only one.
struct OtaTarget {
  std::string engine;
  std::string id;
};

struct OtaSet {
  OtaTarget target;
  OtaStates states;                // none: unchanged
  std::optional<double> progress;  // 0 to 1
  std::optional<uint64_t> downloaded_bytes;
  // Only where begin did not say.
  std::string to;
  uint64_t payload_bytes = 0;
};

struct OtaEnd {
  OtaTarget target;
  OtaEvent event = OtaEvent::kEndFailed;  // one of kEnd...
  OtaCause cause = OtaCause::kNone;       // what the agent takes for it
  std::string detail;
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ota/model/cause.h"
#include "ota/model/vocabulary.h"

namespace kernel_exporter {

// What an update writes to.
struct OtaDevice {
  std::string path;  // as the agent or the configuration names it
  OtaRole role = OtaRole::kData;
  std::string name;  // the kernel's, "" while there is no such device
  uint32_t major = 0;
  uint32_t minor = 0;
  bool block = false;  // else a character device (MTD), or nothing

  bool operator==(const OtaDevice&) const = default;
};

// A process that writes for an update, and with it all that it started and that still has it or one
// of those as its parent.
struct OtaProcess {
  int64_t id = 0;      // 0: none
  uint64_t start = 0;  // process_start()

  bool operator==(const OtaProcess&) const = default;
};

// One update, from begin to its result, over reboots. A value: published copies do not change.
struct OtaTransaction {
  uint64_t number = 0;  // from 1 on, never used again
  std::string id;
  std::string engine;
  std::string from;
  std::string to;
  uint64_t payload_bytes = 0;  // 0: not known
  std::vector<OtaDevice> devices;
  std::string cgroup;  // path below the cgroup2 root, "" for none
  OtaProcess process;
  bool needs_reboot = true;  // false: installed is succeeded

  OtaStates states = states_of(OtaState::kIdle);  // none once it has ended
  std::array<int64_t, kOtaStateNames.size()> state_ns{};
  int64_t elapsed_ns = 0;  // since begin, summed over boots, at since_ns
  int64_t since_ns = 0;    // CLOCK_BOOTTIME up to which the times above are summed

  std::optional<double> progress;  // 0 to 1
  uint64_t downloaded_bytes = 0;
  int64_t started_ms = 0;   // wall clock
  int64_t activity_ms = 0;  // the last word of its agent
  int64_t ended_ms = 0;

  std::string reboot;  // who asked the kernel for one since its agent last spoke, "" for nobody
  std::vector<OtaEvidence> evidence;  // one of each cause and device, the first; bounded
  std::optional<OtaOutcome> outcome;
  OtaCause cause = OtaCause::kNone;
  std::string cause_device;
  std::optional<uint64_t> cause_offset;
  std::string detail;  // the agent's or the kernel's words

  bool open() const { return !outcome; }
  // Its engine says that everything is written, and is no longer needed.
  bool waits() const {
    return states.test(index_of(OtaState::kRebooting)) ||
           states.test(index_of(OtaState::kConfirming));
  }
  bool has_device(std::string_view kernel_name) const;

  // Sums the time up to now into every state that the transaction is in.
  void account(int64_t boottime_ns);

  bool operator==(const OtaTransaction&) const = default;
};

using OtaTransactionPtr = std::shared_ptr<const OtaTransaction>;

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/retry_log.h"
#include "host/mtd.h"
#include "host/paths.h"
#include "ota/model/cause.h"
#include "ota/model/transaction.h"
#include "probe/object.h"

namespace kernel_exporter {

// The flash devices of open updates: binds them to the probe mtd, as the one writer of its map
// mtd_target, and finds out what fails on them. Where the probe does not run, only what ECC could
// not correct is known, from sysfs and without an offset. One thread at a time.
class MtdWatch {
 public:
  // The generation may be null.
  MtdWatch(std::shared_ptr<const Generation> generation, HostPaths paths);

  // False when the device is no flash device. Stays bound until release().
  bool bind(const OtaDevice& device, uint64_t transaction);

  // Unbinds what only other transactions than these have bound.
  void release(const std::set<uint64_t>& transactions);

  // What has failed since the last call, at CLOCK_BOOTTIME.
  std::vector<OtaEvidence> fresh_errors();

 private:
  struct Target {
    std::set<uint64_t> transactions;
    uint64_t reported = 0;  // failed calls, by the probe
    uint64_t ecc_failures = 0;
  };

  Result<void> write_target(uint32_t index, OtaRole role) const;
  std::vector<OtaEvidence> probed_errors();
  std::vector<OtaEvidence> counted_errors();

  const std::shared_ptr<const Generation> generation_;  // null unless all programs of mtd run
  const HostPaths paths_;
  std::map<uint32_t, Target> targets_;  // by N of "mtdN"
  RetryLog unreadable_{"updates: flash statistics"};
};

}  // namespace kernel_exporter

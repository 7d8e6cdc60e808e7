// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "host/paths.h"
#include "ota/model/cause.h"

namespace kernel_exporter {

// The time in nanoseconds that a cpu.pressure file tells of as spent without any task running while
// some wanted to ("full"; "some" before 5.13, which has no other). -1: it tells of none.
int64_t cpu_waited_ns(std::string_view pressure);

// Whether updates get the CPU that they ask for, by the pressure that the kernel accounts for their
// cgroups (CONFIG_PSI, switched on). One thread at a time.
class OtaStarvation {
 public:
  // Starved is what waits for longer than `limit_ns` within twice that time; 0 is no limit.
  OtaStarvation(HostPaths paths, int64_t limit_ns);

  // `cgroup`: path below the hierarchy's root. What cannot be read is logged and not watched.
  void watch(uint64_t transaction, const std::string& cgroup);
  void forget(uint64_t transaction) { watched_.erase(transaction); }

  // To be called several times within the limit: the transactions found starved, once a spell, and
  // those that are no longer, with an end.
  std::vector<std::pair<uint64_t, OtaEvidence>> look(int64_t boottime_ns);

 private:
  struct Waited {
    int64_t at_ns = 0;
    int64_t waited_ns = 0;
  };
  struct Watched {
    UniqueFd pressure;
    std::deque<Waited> past;  // not older than the window, oldest first
    bool starved = false;
  };

  bool is_starved(Watched& watched, Waited now) const;

  const HostPaths paths_;
  const int64_t limit_ns_;
  std::map<uint64_t, Watched> watched_;  // by transaction
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/if_link.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace kernel_exporter {

struct NetDevice {
  uint32_t ifindex = 0;
  std::string name;
  rtnl_link_stats64 stats{};  // IFLA_STATS64: what `ip -s link` shows; rx_dropped is the total
};

enum class LinkStatistics { kRead, kSkip };

// One RTM_GETLINK dump of the network namespace that the calling thread is in. A dump that changes
// of the device list interrupted is repeated. Statistics that a kernel does not know yet stay 0,
// those that we do not know yet are left out.
[[nodiscard]] Result<std::vector<NetDevice>> dump_links(LinkStatistics statistics);

}  // namespace kernel_exporter

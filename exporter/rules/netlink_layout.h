// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/layout.h"

namespace kernel_exporter {

// The key of `source: netlink` entries as rules see it.
struct NetlinkKey {
  uint32_t ifindex;
  char ifname[16];  // IFNAMSIZ
};

// The fields of NetlinkKey, and of struct rtnl_link_stats64 (include/uapi/linux/if_link.h).
const Layout& netlink_key_layout();
const Layout& netlink_value_layout();

}  // namespace kernel_exporter

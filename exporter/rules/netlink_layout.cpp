// SPDX-License-Identifier: Apache-2.0
#include "rules/netlink_layout.h"

#include <linux/if_link.h>

#include <array>
#include <cstddef>

namespace kernel_exporter {
namespace {

struct Member {
  const char* name;
  size_t offset;
};

constexpr std::array kStats = {
    Member{"rx_packets", offsetof(rtnl_link_stats64, rx_packets)},
    Member{"tx_packets", offsetof(rtnl_link_stats64, tx_packets)},
    Member{"rx_bytes", offsetof(rtnl_link_stats64, rx_bytes)},
    Member{"tx_bytes", offsetof(rtnl_link_stats64, tx_bytes)},
    Member{"rx_errors", offsetof(rtnl_link_stats64, rx_errors)},
    Member{"tx_errors", offsetof(rtnl_link_stats64, tx_errors)},
    Member{"rx_dropped", offsetof(rtnl_link_stats64, rx_dropped)},
    Member{"tx_dropped", offsetof(rtnl_link_stats64, tx_dropped)},
    Member{"multicast", offsetof(rtnl_link_stats64, multicast)},
    Member{"collisions", offsetof(rtnl_link_stats64, collisions)},
    Member{"rx_length_errors", offsetof(rtnl_link_stats64, rx_length_errors)},
    Member{"rx_over_errors", offsetof(rtnl_link_stats64, rx_over_errors)},
    Member{"rx_crc_errors", offsetof(rtnl_link_stats64, rx_crc_errors)},
    Member{"rx_frame_errors", offsetof(rtnl_link_stats64, rx_frame_errors)},
    Member{"rx_fifo_errors", offsetof(rtnl_link_stats64, rx_fifo_errors)},
    Member{"rx_missed_errors", offsetof(rtnl_link_stats64, rx_missed_errors)},
    Member{"tx_aborted_errors", offsetof(rtnl_link_stats64, tx_aborted_errors)},
    Member{"tx_carrier_errors", offsetof(rtnl_link_stats64, tx_carrier_errors)},
    Member{"tx_fifo_errors", offsetof(rtnl_link_stats64, tx_fifo_errors)},
    Member{"tx_heartbeat_errors", offsetof(rtnl_link_stats64, tx_heartbeat_errors)},
    Member{"tx_window_errors", offsetof(rtnl_link_stats64, tx_window_errors)},
    Member{"rx_nohandler", offsetof(rtnl_link_stats64, rx_nohandler)},
};

Field field(const char* path, size_t offset, size_t size, FieldKind kind) {
  Field result;
  result.path = path;
  result.offset = static_cast<uint32_t>(offset);
  result.size = static_cast<uint32_t>(size);
  result.kind = kind;
  return result;
}

}  // namespace

const Layout& netlink_key_layout() {
  static const Layout layout = {
      sizeof(NetlinkKey),
      "netlink_key",
      {field("ifname", offsetof(NetlinkKey, ifname), sizeof(NetlinkKey::ifname), FieldKind::kText),
       field("ifindex", offsetof(NetlinkKey, ifindex), sizeof(uint32_t), FieldKind::kUnsigned)}};
  return layout;
}

const Layout& netlink_value_layout() {
  static const Layout layout = [] {
    Layout stats{sizeof(rtnl_link_stats64), "rtnl_link_stats64", {}};
    for (const Member& member : kStats) {
      stats.fields.push_back(
          field(member.name, member.offset, sizeof(uint64_t), FieldKind::kUnsigned));
    }
    return stats;
  }();
  return layout;
}

}  // namespace kernel_exporter

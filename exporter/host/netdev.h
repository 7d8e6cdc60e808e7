// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "host/link_dump.h"
#include "host/network_namespace.h"
#include "host/paths.h"

namespace kernel_exporter {

// Network devices of this network namespace by rtnetlink, and names of devices in other network
// namespaces (found through procfs/PID/ns/net and rootfs/run/netns, entered by setns(2) on a helper
// thread). One thread at a time.
class NetDevices {
 public:
  explicit NetDevices(HostPaths paths);

  // One RTM_GETLINK dump of our own namespace. name() needs no other one in the same scrape.
  [[nodiscard]] Result<std::vector<NetDevice>> devices();

  // The inode number of our own network namespace, as struct ns_common.inum in the kernel.
  uint32_t own_namespace() const { return own_namespace_; }

  // Forgets names so that renames and re-used indexes are seen: call once before each scrape.
  void start_scrape();

  // nullopt where netlink knows no such device in that namespace now. Namespaces are read at most
  // once a scrape each; one that cannot be entered (no CAP_SYS_ADMIN, gone) has no devices.
  std::optional<std::string> name(uint32_t namespace_inode, uint32_t ifindex);

 private:
  using Names = std::map<uint32_t, std::string>;

  Names read_names(uint32_t namespace_inode);

  uint32_t own_namespace_ = 0;
  NetworkNamespaces namespaces_;
  std::map<uint32_t, Names> names_;
};

}  // namespace kernel_exporter

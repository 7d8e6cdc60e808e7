// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "host/link_dump.h"
#include "host/paths.h"

namespace kernel_exporter {

// The network devices of this network namespace by rtnetlink. One thread at a time.
class NetDevices {
 public:
  explicit NetDevices(const HostPaths& paths);

  // One RTM_GETLINK dump. name() and knows() need no other one in the same scrape.
  [[nodiscard]] Result<std::vector<NetDevice>> devices();

  // The inode number of our own network namespace, as struct ns_common.inum in the kernel; 0 when
  // it cannot be told.
  uint32_t own_namespace() const { return own_namespace_; }

  // Forgets names so that renames and re-used indexes are seen: call once before each scrape.
  void start_scrape() { names_.reset(); }

  // nullopt where rtnetlink knows no such device now.
  std::optional<std::string> name(uint32_t ifindex);

  // Whether the device is known to be gone: false when the list cannot be read.
  bool is_gone(uint32_t ifindex);

 private:
  using Names = std::map<uint32_t, std::string>;

  const Names& names();
  void keep_names(const std::vector<NetDevice>& devices);

  uint32_t own_namespace_ = 0;
  std::optional<Names> names_;  // of this scrape; empty when they could not be read
};

}  // namespace kernel_exporter

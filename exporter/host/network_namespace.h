// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/unique_fd.h"
#include "host/paths.h"

namespace kernel_exporter {

// Other network namespaces by inode number: those of processes and those that `ip netns` named.
// One thread at a time.
class NetworkNamespaces {
 public:
  explicit NetworkNamespaces(HostPaths paths);

  // Allows find() to look through all processes once more.
  void start_scrape() { may_search_ = true; }

  // The namespace, open; none when it is gone, out of reach, or kept by nothing but a socket. Where
  // it was found is remembered and tried first; the descriptor is not, as it would keep the
  // namespace alive.
  UniqueFd find(uint32_t inode);

 private:
  void search();

  HostPaths paths_;
  std::map<uint32_t, std::string> places_;
  bool may_search_ = true;
};

// 0 when it cannot be told.
uint32_t own_network_namespace(const HostPaths& paths);

// Runs the function on a thread of its own inside the namespace and waits for its end, so that no
// thread that lives on is ever in a foreign namespace. False: not entered, not run.
bool run_in_network_namespace(const UniqueFd& name_space, const std::function<void()>& function);

}  // namespace kernel_exporter

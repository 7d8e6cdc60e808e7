// SPDX-License-Identifier: Apache-2.0
#include "host/netdev.h"

namespace kernel_exporter {

NetDevices::NetDevices(HostPaths paths)
    : own_namespace_(own_network_namespace(paths)), namespaces_(std::move(paths)) {}

Result<std::vector<NetDevice>> NetDevices::devices() {
  auto found = dump_links(LinkStatistics::kRead);
  if (found) {
    Names& names = names_[own_namespace_];
    names.clear();
    for (const NetDevice& device : *found) names.emplace(device.ifindex, device.name);
  }
  return found;
}

void NetDevices::start_scrape() {
  names_.clear();
  namespaces_.start_scrape();
}

std::optional<std::string> NetDevices::name(uint32_t namespace_inode, uint32_t ifindex) {
  auto names = names_.find(namespace_inode);
  if (names == names_.end()) {
    names = names_.emplace(namespace_inode, read_names(namespace_inode)).first;
  }
  const auto name = names->second.find(ifindex);
  if (name == names->second.end()) return std::nullopt;
  return name->second;
}

NetDevices::Names NetDevices::read_names(uint32_t namespace_inode) {
  Result<std::vector<NetDevice>> found;
  const auto dump = [&found] { found = dump_links(LinkStatistics::kSkip); };
  if (namespace_inode == own_namespace_) {
    dump();
  } else if (const UniqueFd fd = namespaces_.find(namespace_inode); fd) {
    run_in_network_namespace(fd, dump);
  }
  Names names;
  if (found) {
    for (NetDevice& device : *found) names.emplace(device.ifindex, std::move(device.name));
  }
  return names;
}

}  // namespace kernel_exporter

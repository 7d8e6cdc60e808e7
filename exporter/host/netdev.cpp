// SPDX-License-Identifier: Apache-2.0
#include "host/netdev.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/unique_fd.h"

namespace kernel_exporter {
namespace {

uint32_t namespace_inode(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct statfs file_system;
  struct stat status;
  if (!fd || ::fstatfs(fd.get(), &file_system) != 0 || ::fstat(fd.get(), &status) != 0) return 0;
  return file_system.f_type == NSFS_MAGIC ? static_cast<uint32_t>(status.st_ino) : 0;
}

}  // namespace

NetDevices::NetDevices(const HostPaths& paths)
    : own_namespace_(namespace_inode(paths.procfs + "/self/ns/net")) {}

Result<std::vector<NetDevice>> NetDevices::devices() {
  auto found = dump_links(LinkStatistics::kRead);
  if (found) keep_names(*found);
  return found;
}

std::optional<std::string> NetDevices::name(uint32_t ifindex) {
  const auto name = names().find(ifindex);
  if (name == names().end()) return std::nullopt;
  return name->second;
}

bool NetDevices::is_gone(uint32_t ifindex) {
  return !names().empty() && !names().contains(ifindex);
}

const NetDevices::Names& NetDevices::names() {
  if (!names_) {
    const auto found = dump_links(LinkStatistics::kSkip);
    keep_names(found ? *found : std::vector<NetDevice>());
  }
  return *names_;
}

void NetDevices::keep_names(const std::vector<NetDevice>& devices) {
  names_.emplace();
  for (const NetDevice& device : devices) names_->emplace(device.ifindex, device.name);
}

}  // namespace kernel_exporter

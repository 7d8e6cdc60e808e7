// SPDX-License-Identifier: Apache-2.0
#include "host/network_namespace.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cctype>
#include <system_error>
#include <thread>
#include <vector>

#include "host/directory.h"

namespace kernel_exporter {
namespace {

std::vector<std::string> entries(const std::string& path) {
  std::vector<std::string> names;
  const Directory directory(::opendir(path.c_str()));
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  return names;
}

// The file behind a path, 0 unless it is a namespace: what `ip netns` leaves in its folder after an
// unmount is an ordinary empty file with a number of its own.
uint32_t namespace_inode(const UniqueFd& fd) {
  struct statfs file_system;
  struct stat status;
  if (!fd || ::fstatfs(fd.get(), &file_system) != 0 || ::fstat(fd.get(), &status) != 0) return 0;
  return file_system.f_type == NSFS_MAGIC ? static_cast<uint32_t>(status.st_ino) : 0;
}

UniqueFd open_place(const std::string& place) {
  return UniqueFd(::open(place.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

}  // namespace

NetworkNamespaces::NetworkNamespaces(HostPaths paths) : paths_(std::move(paths)) {}

UniqueFd NetworkNamespaces::find(uint32_t inode) {
  for (;;) {
    if (const auto it = places_.find(inode); it != places_.end()) {
      UniqueFd fd = open_place(it->second);
      if (namespace_inode(fd) == inode) return fd;
    }
    if (!may_search_) return UniqueFd();
    search();
  }
}

void NetworkNamespaces::search() {
  may_search_ = false;
  places_.clear();
  const std::string named = paths_.rootfs + "/run/netns/";
  for (const std::string& name : entries(named)) {
    if (const uint32_t inode = namespace_inode(open_place(named + name)); inode != 0) {
      places_.emplace(inode, named + name);
    }
  }
  for (const std::string& name : entries(paths_.procfs)) {
    if (!std::isdigit(static_cast<unsigned char>(name[0]))) continue;
    const std::string place = paths_.procfs + "/" + name + "/ns/net";
    struct stat status;
    if (::stat(place.c_str(), &status) == 0) {
      places_.emplace(static_cast<uint32_t>(status.st_ino), place);
    }
  }
}

uint32_t own_network_namespace(const HostPaths& paths) {
  return namespace_inode(open_place(paths.procfs + "/self/ns/net"));
}

bool run_in_network_namespace(const UniqueFd& name_space, const std::function<void()>& function) {
  bool entered = false;
  try {
    std::thread thread([&] {
      entered = ::setns(name_space.get(), CLONE_NEWNET) == 0;
      if (entered) function();
    });
    thread.join();
  } catch (const std::system_error&) {
    return false;  // no thread to be had
  }
  return entered;
}

}  // namespace kernel_exporter

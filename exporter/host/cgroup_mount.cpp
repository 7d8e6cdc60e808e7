// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup_mount.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "host/mount_info.h"
#include "host/text_file.h"

namespace kernel_exporter {
namespace {

// Whole hierarchies first.
std::vector<Mount> cgroup2_mounts(std::string_view mount_info) {
  std::vector<Mount> mounts = parse_mount_info(mount_info);
  std::erase_if(mounts, [](const Mount& mount) { return mount.type != "cgroup2"; });
  std::stable_partition(mounts.begin(), mounts.end(), [](const Mount& m) { return m.root == "/"; });
  return mounts;
}

std::vector<std::string> candidates(const std::vector<Mount>& mounts, const std::string& rootfs) {
  std::vector<std::string> seen_from_here, seen_from_host;
  for (const Mount& mount : mounts) {
    const bool below = mount.point.compare(0, rootfs.size() + 1, rootfs + "/") == 0;
    if (below) seen_from_here.push_back(mount.point);
    if (!below) seen_from_host.push_back(rootfs + mount.point);
  }
  seen_from_here.insert(seen_from_here.end(), seen_from_host.begin(), seen_from_host.end());
  return seen_from_here;
}

}  // namespace

Result<UniqueFd> open_cgroup_root(const HostPaths& paths) {
  const std::string path = paths.procfs + "/self/mountinfo";
  const Result<std::string> mountinfo = read_text_file(path);
  if (!mountinfo) return fail(mountinfo.error(), "cgroup2 hierarchy");
  for (const std::string& point : candidates(cgroup2_mounts(*mountinfo), paths.rootfs)) {
    UniqueFd root(::open(point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (root) return root;
  }
  return fail(path + ": no readable cgroup2 mount; mount one with `mount -t cgroup2 none DIR`");
}

std::string cgroup_below_root(const HostPaths& paths, const std::string& path) {
  std::string below = path;
  while (below.size() > 1 && below.ends_with('/')) below.pop_back();
  const auto root = open_cgroup_root(paths);
  const auto mountinfo = read_text_file(paths.procfs + "/self/mountinfo");
  if (!root || !mountinfo) return below;
  if (::faccessat(root->get(), ("." + below).c_str(), F_OK, 0) == 0) return below;
  for (const Mount& mount : cgroup2_mounts(*mountinfo)) {
    if (mount.root != "/") continue;
    const bool of_host = !paths.rootfs.empty() && mount.point.starts_with(paths.rootfs + "/");
    for (const std::string& point :
         {mount.point, mount.point.substr(of_host ? paths.rootfs.size() : 0)}) {
      if (below == point) return "/";
      if (below.starts_with(point + "/")) return below.substr(point.size());
    }
  }
  return below;
}

}  // namespace kernel_exporter

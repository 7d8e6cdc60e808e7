// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup_mount.h"

#include <fcntl.h>

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

}  // namespace kernel_exporter

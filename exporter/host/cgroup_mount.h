// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "host/paths.h"

namespace kernel_exporter {

// The directory where the cgroup2 hierarchy is mounted, by procfs/self/mountinfo: /sys/fs/cgroup,
// or /sys/fs/cgroup/unified beside v1 controllers, or either below rootfs. Mounts of the
// hierarchy's root are preferred to mounts of a part of it.
[[nodiscard]] Result<UniqueFd> open_cgroup_root(const HostPaths& paths);

// The path below the cgroup2 root of one that may begin with the directory where it is mounted, and
// may end with slashes. Where a cgroup has the path as it is, that one is meant.
std::string cgroup_below_root(const HostPaths& paths, const std::string& path);

}  // namespace kernel_exporter

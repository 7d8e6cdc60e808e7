// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kernel_exporter {

// One line of /proc/PID/mountinfo (proc(5)), with its octal escapes resolved.
struct Mount {
  std::string root;   // of the mounted file system that is seen here: "/" unless it is a bind mount
  std::string point;  // where it is mounted, as that process sees it
  std::string type;   // "ext4", "cgroup2"

  bool operator==(const Mount&) const = default;
};

// In the file's order; lines of another shape are left out.
std::vector<Mount> parse_mount_info(std::string_view text);

}  // namespace kernel_exporter

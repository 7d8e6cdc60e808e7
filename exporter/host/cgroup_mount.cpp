// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup_mount.h"

#include <fcntl.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "host/text_file.h"

namespace kernel_exporter {
namespace {

struct Mount {
  std::string root;
  std::string point;
};

// proc(5): space, tab, newline and backslash are written as three octal digits.
std::string unescape(std::string_view text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) && octal(text[i + 2]) &&
        octal(text[i + 3])) {
      out +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw": the number of optional
// fields before the lone hyphen varies.
std::vector<Mount> cgroup2_mounts(const std::string& mountinfo) {
  std::vector<Mount> mounts;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string skipped, root, point, type;
    fields >> skipped >> skipped >> skipped >> root >> point;
    while (fields >> skipped && skipped != "-") {
    }
    if (fields >> type && type == "cgroup2") mounts.push_back({unescape(root), unescape(point)});
  }
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

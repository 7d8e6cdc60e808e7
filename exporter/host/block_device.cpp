#include "host/block_device.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>

namespace kernel_exporter {

std::optional<std::string> block_device_name(const HostPaths& paths, uint32_t major,
                                             uint32_t minor) {
  const std::string link =
      paths.sysfs + "/dev/block/" + std::to_string(major) + ":" + std::to_string(minor);
  char target[PATH_MAX];
  const ssize_t size = ::readlink(link.c_str(), target, sizeof target);
  if (size <= 0) return std::nullopt;
  const std::string_view path(target, static_cast<size_t>(size));
  std::string name(path.substr(path.rfind('/') + 1));
  if (name.empty()) return std::nullopt;
  // The driver core writes '!' for the '/' of names such as "cciss/c0d0"; diskstats shows the '/'.
  std::replace(name.begin(), name.end(), '!', '/');
  return name;
}

}  // namespace kernel_exporter

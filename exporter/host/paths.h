// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kernel_exporter {

// Where the host's file systems are seen from here (a container mounts them elsewhere; tests inject
// fixtures). No trailing slash; rootfs "" is the root itself.
struct HostPaths {
  std::string procfs = "/proc";
  std::string sysfs = "/sys";
  std::string rootfs;
};

}  // namespace kernel_exporter

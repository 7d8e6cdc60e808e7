#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/paths.h"

namespace kernel_exporter {

// The kernel's name ("sda1", "mmcblk0p2", "dm-0") of a block device by its number, from the
// symbolic link sysfs/dev/block/MAJOR:MINOR. nullopt when there is no such device now.
std::optional<std::string> block_device_name(const HostPaths& paths, uint32_t major,
                                             uint32_t minor);

}  // namespace kernel_exporter

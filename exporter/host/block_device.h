// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "host/paths.h"

namespace kernel_exporter {

// The kernel's name ("sda1", "mmcblk0p2", "dm-0") of a block device by its number, from the
// symbolic link sysfs/dev/block/MAJOR:MINOR. nullopt when there is no such device now.
std::optional<std::string> block_device_name(const HostPaths& paths, uint32_t major,
                                             uint32_t minor);

struct BlockNumber {
  uint32_t major = 0;
  uint32_t minor = 0;
  bool operator==(const BlockNumber&) const = default;
  bool operator<(const BlockNumber& other) const {
    return std::tie(major, minor) < std::tie(other.major, other.minor);
  }
};

// Where a block device lies on its disk, in sectors of 512 bytes. A disk is all of itself, however
// large it may become.
struct BlockExtent {
  BlockNumber disk;
  uint64_t first = 0;
  uint64_t end = UINT64_MAX;  // the first sector behind it
};

// From sysfs/dev/block/MAJOR:MINOR, where partitions have `partition`, `start` and `size`.
[[nodiscard]] Result<BlockExtent> block_extent(const HostPaths& paths, BlockNumber device);

// The partitions that a disk has now, in no order; none when there is no such disk.
std::vector<BlockNumber> block_partitions(const HostPaths& paths, BlockNumber disk);

// The whole disks that have a medium now: no loop device without a file, no empty card reader.
uint32_t count_disks(const HostPaths& paths);

}  // namespace kernel_exporter

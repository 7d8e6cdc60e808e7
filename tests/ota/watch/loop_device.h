// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.h"
#include "host/block_device.h"

namespace kernel_exporter {

// Mounted while the object lives.
class Mount {
 public:
  Mount(const std::string& source, const std::string& target, const std::string& type,
        const std::string& options);
  ~Mount();
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;

 private:
  std::string target_;
};

// What the kernel itself counts for a block device, in sysfs as in /proc/diskstats.
struct DiskWrites {
  uint64_t requests = 0;
  uint64_t bytes = 0;
  uint64_t in_flight = 0;  // requests now, reads among them
};

// A loop device over a file, detached in the end.
class LoopDevice {
 public:
  // The file is created (sparse, of `bytes`) unless it is there.
  LoopDevice(const std::string& file, uint64_t bytes);
  ~LoopDevice();
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;

  const std::string& path() const { return path_; }
  BlockNumber number() const { return number_; }
  DiskWrites writes() const;

  // Adds a partition and waits for its node; its path. Offsets in bytes.
  std::string add_partition(int index, uint64_t start, uint64_t size) const;

 private:
  UniqueFd device_;
  std::string path_;
  BlockNumber number_;
};

// False: there is none on the device now. `features` as mkfs.ext4 knows them.
bool make_ext4(const std::string& device, const std::string& features = "");

// Of a block device's node.
BlockNumber block_number(const std::string& path);

}  // namespace kernel_exporter

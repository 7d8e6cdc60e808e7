// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace kernel_exporter {

// Where there is no udev and no devtmpfs, a new device has no node.
void make_node(const std::string& name);

// A device's line of /proc/diskstats.
struct DiskStats {
  uint64_t reads;
  uint64_t bytes_read;
  double read_seconds;
  uint64_t writes;
  uint64_t bytes_written;
  double write_seconds;
};
DiskStats disk_stats(const std::string& device);
// Everything that other devices than loop devices were asked for, partitions apart from their
// disks.
uint64_t requests_but_of_loop_devices();

// A tmpfs of limited size, in the mount namespace of the tests.
class MemoryFileSystem {
 public:
  explicit MemoryFileSystem(size_t bytes);
  ~MemoryFileSystem();
  MemoryFileSystem(const MemoryFileSystem&) = delete;
  MemoryFileSystem& operator=(const MemoryFileSystem&) = delete;

  const std::string& path() const { return path_; }
  void fill();  // to the last page

 private:
  std::string path_;
};

// A request-based device: a loop device on a sparse file in the folder.
class LoopDevice {
 public:
  LoopDevice(const std::string& folder, size_t bytes);
  ~LoopDevice();

  const std::string& name() const { return name_; }

 private:
  UniqueFd device_;
  std::string name_;
};

// Many small ones at once; those that the kernel made for this go again.
class LoopDevices {
 public:
  explicit LoopDevices(int count);
  ~LoopDevices();
  LoopDevices(const LoopDevices&) = delete;
  LoopDevices& operator=(const LoopDevices&) = delete;

  const std::vector<std::string>& names() const { return names_; }

 private:
  MemoryFileSystem files_;
  std::deque<LoopDevice> devices_;
  std::vector<std::string> names_;
  std::vector<std::string> added_;
};

// A bio-based device: a zram disk; `limit` on the memory that it may take, 0 for none.
class ZramDevice {
 public:
  ZramDevice(size_t bytes, size_t limit);
  ~ZramDevice();

  const std::string& name() const { return name_; }

 private:
  std::string number_;
  std::string name_;
};

bool has_device_mapper();  // in this kernel

// A device that passes bios on to the one it lies on, of the same size: bio-based, as what LVM,
// dm-crypt and dm-verity make. At sector `seam` its table is cut, so that bios across it are split;
// as many as `bad_sectors` from there on fail.
class MappedDevice {
 public:
  MappedDevice(const std::string& name, const std::string& below, int64_t seam,
               int64_t bad_sectors = 0);
  ~MappedDevice();
  MappedDevice(const MappedDevice&) = delete;
  MappedDevice& operator=(const MappedDevice&) = delete;

  const std::string& name() const { return name_; }

 private:
  std::string mapping_;
  std::string name_;
};

// An I/O scheduler, and so a queue, before the driver's own, for requests that are left unmerged. A
// loop device outlives what it was made for: all is as it was in the end.
class Scheduler {
 public:
  Scheduler(const std::string& device, const std::string& name);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

 private:
  std::string queue_;
  std::string name_before_;
  std::string merges_before_;
};

// A device opened past the page cache: every call is an I/O of its own.
class DirectIo {
 public:
  DirectIo(const std::string& device, size_t bytes_at_once);

  // The n-th block of the device; 0 or the errno.
  int write(int block);
  int read(int block);

  // The first blocks, all in flight together; 0 or an errno.
  int write_together(int blocks);
  int read_together(int blocks);

 private:
  int submit_together(int command, int blocks);

  struct Free {
    void operator()(void* memory) const;
  };
  UniqueFd device_;
  size_t size_;
  std::unique_ptr<unsigned char, Free> memory_;
};

}  // namespace kernel_exporter

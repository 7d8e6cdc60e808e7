// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/unique_fd.h"
#include "kernel_module.h"

namespace kernel_exporter {

// Two flash devices of 1 MiB on the kernel's NAND simulator, in pages of 512 bytes and erase blocks
// of 16 KiB. On `target` one page, chosen anew each time, cannot be written, another one not be
// read and one block not be erased; now and then a read flips a bit, which is corrected.
class SimulatedFlash {
 public:
  static constexpr uint64_t kPage = 512;
  static constexpr uint64_t kBlock = 16 << 10;
  static constexpr uint64_t kBytes = 1 << 20;

  SimulatedFlash();

  std::string target() const { return "mtd" + std::to_string(target_); }
  std::string other() const { return "mtd" + std::to_string(other_); }
  uint64_t weak_page() const { return weak_page_; }    // where writes fail: offset on the target
  uint64_t grave_page() const { return grave_page_; }  // where reads fail
  uint64_t weak_block() const { return weak_block_; }  // where erasures fail

 private:
  SimulatedFlash(uint64_t weak_page, uint64_t grave_page, uint64_t weak_block);

  uint64_t weak_page_;
  uint64_t grave_page_;
  uint64_t weak_block_;
  KernelModule module_;
  uint32_t other_ = 0;
  uint32_t target_ = 0;
};

// An open flash device. Offsets are from its start; results are 0 or the errno.
class FlashFile {
 public:
  // What the driver counted since it was loaded, by its own ioctl.
  struct Counts {
    uint32_t corrected;
    uint32_t failed;
    uint32_t bad_blocks;
  };

  explicit FlashFile(const std::string& name);

  int write(uint64_t offset, size_t bytes) const;
  int read(uint64_t offset, size_t bytes) const;
  int erase(uint64_t offset, size_t bytes) const;
  int mark_bad(uint64_t offset) const;
  Counts counts() const;

 private:
  UniqueFd file_;
};

}  // namespace kernel_exporter

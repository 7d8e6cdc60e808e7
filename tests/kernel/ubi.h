// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/unique_fd.h"

namespace kernel_exporter {

// UBI on a flash device, with one volume; detached in the end.
class UbiVolume {
 public:
  UbiVolume(const std::string& flash, size_t bytes);
  ~UbiVolume();
  UbiVolume(const UbiVolume&) = delete;
  UbiVolume& operator=(const UbiVolume&) = delete;

  // "/dev/ubi0_0".
  std::string path() const { return "/dev/ubi" + std::to_string(number_) + "_0"; }

  // Replaces the volume's content, as ubiupdatevol does. False when the kernel refuses.
  bool update(size_t bytes) const;

 private:
  UniqueFd control_;
  int32_t number_ = 0;
};

}  // namespace kernel_exporter

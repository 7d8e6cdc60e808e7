// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace kernel_exporter {

// An array of md without metadata on these disks, of this level: "raid0", "raid1", "raid5",
// "linear". Its module has to be there.
class MdArray {
 public:
  MdArray(const std::string& level, const std::vector<std::string>& disks);
  ~MdArray();
  MdArray(const MdArray&) = delete;
  MdArray& operator=(const MdArray&) = delete;

  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

bool has_md(const std::string& level);  // in this kernel, loaded if need be

}  // namespace kernel_exporter

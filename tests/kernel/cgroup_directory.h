// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kernel_exporter {

// Where cgroup2 is mounted.
std::string cgroup2_mount();

// A cgroup of the cgroup2 hierarchy, made and removed.
class CgroupDirectory {
 public:
  explicit CgroupDirectory(const std::string& path);  // from the hierarchy's root: "/one/two"
  ~CgroupDirectory();                                 // once its processes are gone
  CgroupDirectory(const CgroupDirectory&) = delete;
  CgroupDirectory& operator=(const CgroupDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string processes_file() const { return directory_ + "/cgroup.procs"; }

 private:
  std::string path_;
  std::string directory_;
};

// Of whatever hierarchy, once its processes are gone.
void remove_cgroup(const std::string& directory);

}  // namespace kernel_exporter

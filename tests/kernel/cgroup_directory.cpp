// SPDX-License-Identifier: Apache-2.0
#include "cgroup_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "text.h"

namespace kernel_exporter {

std::string cgroup2_mount() {
  for (const std::string& line : lines(read_text("/proc/self/mountinfo"))) {
    const std::vector<std::string> fields = words(line);
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.end() - dash > 1 && *(dash + 1) == "cgroup2") return fields.at(4);
  }
  give_up_plainly("cgroup2 is not mounted");
}

CgroupDirectory::CgroupDirectory(const std::string& path)
    : path_(path), directory_(cgroup2_mount() + path) {
  checked(::mkdir(directory_.c_str(), 0755), directory_);
}

CgroupDirectory::~CgroupDirectory() { remove_cgroup(directory_); }

// A process that has been waited for may still be leaving its cgroup.
void remove_cgroup(const std::string& directory) {
  for (int attempt = 0; attempt < 500; ++attempt) {
    if (::rmdir(directory.c_str()) == 0 || errno != EBUSY) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace kernel_exporter

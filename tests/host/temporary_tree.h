// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "host/paths.h"

namespace kernel_exporter {

// A folder with stand-ins for procfs ("proc"), sysfs ("sys") and the root file system, removed in
// the end. Paths are relative to it.
class TemporaryTree {
 public:
  TemporaryTree() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kernel_exporter.XXXXXX");
    if (!::mkdtemp(pattern.data())) ADD_FAILURE() << "cannot create " << pattern;
    root_ = pattern;
  }
  ~TemporaryTree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  TemporaryTree(const TemporaryTree&) = delete;
  TemporaryTree& operator=(const TemporaryTree&) = delete;

  HostPaths paths() const { return {path("proc"), path("sys"), root_}; }
  std::string path(const std::string& relative) const { return root_ + "/" + relative; }

  void directory(const std::string& relative) const {
    std::filesystem::create_directories(path(relative));
  }
  void file(const std::string& relative, const std::string& content) const {
    prepare(relative);
    std::ofstream(path(relative), std::ios::binary) << content;
  }
  void link(const std::string& relative, const std::string& target) const {
    prepare(relative);
    std::filesystem::create_symlink(target, path(relative));
  }
  void remove(const std::string& relative) const { std::filesystem::remove_all(path(relative)); }

  uint64_t inode(const std::string& relative) const {
    struct stat status = {};
    EXPECT_EQ(::stat(path(relative).c_str(), &status), 0) << relative;
    return status.st_ino;
  }

 private:
  void prepare(const std::string& relative) const {
    std::filesystem::create_directories(std::filesystem::path(path(relative)).parent_path());
  }

  std::string root_;
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace kernel_exporter {

// A cgroup whose children have these controllers of cgroup2, of those that are to be had here:
// where they belong to cgroup v1 there are none.
class ControllingCgroup {
 public:
  explicit ControllingCgroup(const std::vector<std::string>& controllers);
  ~ControllingCgroup();
  ControllingCgroup(const ControllingCgroup&) = delete;
  ControllingCgroup& operator=(const ControllingCgroup&) = delete;

  const std::string& name() const { return name_; }
  bool has(const std::string& controller) const { return has_.contains(controller); }

 private:
  bool switch_on(const std::string& folder, const std::string& controller) const;

  UniqueFd root_;
  std::string name_;
  std::set<std::string> has_;
};

// A cgroup with one inside it, or as many inside each other, all of the test's own, in another one
// or in the root.
class NestedCgroup {
 public:
  explicit NestedCgroup(const std::string& parent = ".", int levels = 1);
  ~NestedCgroup();
  NestedCgroup(const NestedCgroup&) = delete;
  NestedCgroup& operator=(const NestedCgroup&) = delete;

  uint64_t id() const { return id_; }  // of the outer one

  // Runs `work` in a child process in the innermost cgroup. Its failure is the test's.
  void run(const std::function<bool()>& work) const;

 private:
  UniqueFd root_;
  std::string name_;
  std::string innermost_;
  uint64_t id_ = 0;
};

// The same in a child process that stays in the test's cgroup.
void run_outside(const std::function<bool()>& work);

inline constexpr size_t kMebibyte = 1 << 20;

// Work for children. All offsets and sizes are multiples of 1 MiB but where noted.
bool write_direct(const std::string& path, uint64_t offset, size_t bytes);
bool write_cached(const std::string& path, uint64_t offset, size_t bytes);  // and no sync
bool sync_file(const std::string& path);
bool sync_file_system(const std::string& path);

}  // namespace kernel_exporter

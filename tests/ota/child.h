#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/unique_fd.h"

namespace kernel_exporter {

// A cgroup with one inside it, both of the test's own.
class NestedCgroup {
 public:
  NestedCgroup();
  ~NestedCgroup();
  NestedCgroup(const NestedCgroup&) = delete;
  NestedCgroup& operator=(const NestedCgroup&) = delete;

  uint64_t id() const { return id_; }  // of the outer one

  // Runs `work` in a child process in the inner cgroup. Its failure is the test's.
  void run(const std::function<bool()>& work) const;

 private:
  UniqueFd root_;
  std::string name_;
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

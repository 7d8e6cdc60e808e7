// SPDX-License-Identifier: Apache-2.0
#include "child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <sstream>
#include <thread>

#include "host/cgroup_mount.h"

namespace kernel_exporter {
namespace {

void run_child(int procs, const std::function<bool()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (procs >= 0 && ::write(procs, "0", 1) != 1) ::_exit(3);
    ::_exit(work() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0) << "1: its work failed, 3: it could not enter the cgroup";
}

bool write_blocks(const std::string& path, int flags, uint64_t offset, size_t bytes) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600));
  const std::unique_ptr<void, decltype(&std::free)> block(std::aligned_alloc(4096, kMebibyte),
                                                          &std::free);
  if (!file) return false;
  std::memset(block.get(), 0x5a, kMebibyte);
  for (size_t done = 0; done < bytes; done += kMebibyte) {
    const auto at = static_cast<off_t>(offset + done);
    if (::pwrite(file.get(), block.get(), kMebibyte, at) != kMebibyte) return false;
  }
  return true;
}

// A process that was waited for leaves its cgroup a moment later.
void remove_cgroup(int root, const std::string& path) {
  constexpr int kAttempts = 1000;
  for (int i = 0; i < kAttempts; ++i) {
    if (::unlinkat(root, path.c_str(), AT_REMOVEDIR) == 0 || errno != EBUSY) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

std::string read_words(const UniqueFd& root, const std::string& name) {
  const UniqueFd file(::openat(root.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
  char words[256] = {};
  EXPECT_GE(::read(file.get(), words, sizeof words - 1), 0) << name;
  return words;
}

bool has_word(const std::string& words, const std::string& wanted) {
  std::istringstream stream(words);
  return std::find(std::istream_iterator<std::string>(stream), {}, wanted) !=
         std::istream_iterator<std::string>();
}

}  // namespace

ControllingCgroup::ControllingCgroup(const std::vector<std::string>& controllers)
    : name_("kernel_exporter_controllers_" + std::to_string(::getpid())) {
  Result<UniqueFd> root = open_cgroup_root(HostPaths());
  EXPECT_TRUE(root) << root.error().message;
  if (!root) return;
  root_ = std::move(*root);
  EXPECT_EQ(::mkdirat(root_.get(), name_.c_str(), 0755), 0) << "this test needs root";
  for (const std::string& controller : controllers) {
    if (!has_word(read_words(root_, "cgroup.controllers"), controller)) continue;
    EXPECT_TRUE(switch_on(".", controller) && switch_on(name_, controller)) << controller;
    has_.insert(controller);
  }
}

ControllingCgroup::~ControllingCgroup() { remove_cgroup(root_.get(), name_); }

bool ControllingCgroup::switch_on(const std::string& folder, const std::string& controller) const {
  const std::string file = folder + "/cgroup.subtree_control";
  if (has_word(read_words(root_, file), controller)) return true;
  const std::string words = "+" + controller;
  const UniqueFd control(::openat(root_.get(), file.c_str(), O_WRONLY | O_CLOEXEC));
  return ::write(control.get(), words.data(), words.size()) == static_cast<ssize_t>(words.size());
}

NestedCgroup::NestedCgroup(const std::string& parent, int levels)
    : name_(parent + "/kernel_exporter_ota_" + std::to_string(::getpid())), innermost_(name_) {
  Result<UniqueFd> root = open_cgroup_root(HostPaths());
  EXPECT_TRUE(root) << root.error().message;
  if (!root) return;
  root_ = std::move(*root);
  EXPECT_EQ(::mkdirat(root_.get(), name_.c_str(), 0755), 0) << "this test needs root";
  for (int level = 0; level < levels; ++level) {
    innermost_ += "/inner";
    EXPECT_EQ(::mkdirat(root_.get(), innermost_.c_str(), 0755), 0);
  }
  struct stat status = {};
  EXPECT_EQ(::fstatat(root_.get(), name_.c_str(), &status, 0), 0);
  id_ = status.st_ino;
}

NestedCgroup::~NestedCgroup() {
  for (std::string path = innermost_; path.size() >= name_.size(); path.resize(path.rfind('/')))
    remove_cgroup(root_.get(), path);
}

void NestedCgroup::run(const std::function<bool()>& work) const {
  const std::string path = innermost_ + "/cgroup.procs";
  const UniqueFd procs(::openat(root_.get(), path.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(procs) << path;
  run_child(procs.get(), work);
}

void run_outside(const std::function<bool()>& work) { run_child(-1, work); }

bool write_direct(const std::string& path, uint64_t offset, size_t bytes) {
  return write_blocks(path, O_DIRECT, offset, bytes);
}

bool write_cached(const std::string& path, uint64_t offset, size_t bytes) {
  return write_blocks(path, 0, offset, bytes);
}

bool sync_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file && ::fsync(file.get()) == 0;
}

bool sync_file_system(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file && ::syncfs(file.get()) == 0;
}

}  // namespace kernel_exporter

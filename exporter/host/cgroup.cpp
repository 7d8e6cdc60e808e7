// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/unique_fd.h"
#include "host/cgroup_glob.h"
#include "host/cgroup_mount.h"
#include "host/directory.h"
#include "host/text_file.h"

namespace kernel_exporter {
namespace {

// Far beyond any machine of this kind, so that a runaway creator of cgroups cannot take our memory.
constexpr size_t kMaxCgroups = 65536;

Directory open_directory(int root_fd, const std::string& relative) {
  const int fd = ::openat(root_fd, relative.empty() ? "." : relative.c_str(),
                          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return nullptr;
  Directory directory(::fdopendir(fd));
  if (!directory) ::close(fd);
  return directory;
}

// Visits every directory below the root, one open descriptor at a time however deep the tree is.
// Whatever fails on the way has vanished, and is left out.
class Walk {
 public:
  explicit Walk(UniqueFd root) : root_(std::move(root)) {}

  Result<std::vector<Cgroup>> run() {
    struct stat status;
    if (::fstat(root_.get(), &status) != 0) return fail_errno(errno, "cgroup2 hierarchy");
    found_.push_back({status.st_ino, "/"});
    pending_.emplace_back();
    while (!pending_.empty() && found_.size() < kMaxCgroups) {
      const std::string relative = std::move(pending_.back());
      pending_.pop_back();
      list(relative);
    }
    return std::move(found_);
  }

 private:
  void list(const std::string& relative) {
    const Directory directory = open_directory(root_.get(), relative);
    if (!directory) return;
    while (const dirent* entry = ::readdir(directory.get())) {
      const std::string_view name = entry->d_name;
      const bool may_be_directory = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
      if (!may_be_directory || name == "." || name == "..") continue;
      add(::dirfd(directory.get()), entry->d_name, relative);
      if (found_.size() >= kMaxCgroups) return;
    }
  }

  void add(int parent, const char* name, const std::string& parent_path) {
    struct stat status;
    if (::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (!S_ISDIR(status.st_mode)) return;
    std::string relative = parent_path.empty() ? name : parent_path + "/" + name;
    found_.push_back({status.st_ino, "/" + relative});
    // kernfs counts sub-directories in the links: two mean a leaf, which need not be opened.
    if (status.st_nlink != 2) pending_.push_back(std::move(relative));
  }

  UniqueFd root_;
  std::vector<Cgroup> found_;
  std::vector<std::string> pending_;
};

Result<std::vector<Cgroup>> walk(const HostPaths& paths) {
  Result<UniqueFd> root = open_cgroup_root(paths);
  if (!root) return tl::unexpected(root.error());
  return Walk(std::move(*root)).run();
}

}  // namespace

Result<std::string> cgroup_of_process(const HostPaths& paths, pid_t pid) {
  const std::string file = paths.procfs + "/" + std::to_string(pid) + "/cgroup";
  const auto text = read_text_file(file, 64 << 10);
  if (!text) return fail(text.error(), file);
  // The entry of cgroup2 is "0::PATH"; outside of our own cgroup namespace it begins with "/..".
  for (size_t at = 0; at < text->size();) {
    const size_t end = std::min(text->find('\n', at), text->size());
    const std::string_view line = std::string_view(*text).substr(at, end - at);
    at = end + 1;
    if (!line.starts_with("0::/")) continue;
    if (line.starts_with("0::/.."))
      return fail(file + ": a cgroup outside the exporter's cgroup namespace");
    return std::string(line.substr(3));
  }
  return fail(file + ": no cgroup2");
}

std::optional<uint64_t> cgroup_id(const UniqueFd& root, const std::string& path) {
  struct stat status;
  if (!root || ::fstatat(root.get(), ("." + path).c_str(), &status, 0) != 0) return std::nullopt;
  if (!S_ISDIR(status.st_mode)) return std::nullopt;
  return status.st_ino;
}

bool cgroup_populated(const HostPaths& paths, const std::string& path) {
  const Result<UniqueFd> root = open_cgroup_root(paths);
  if (!root) return false;
  const UniqueFd file(
      ::openat(root->get(), ("." + path + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> text;
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  return size > 0 && std::string_view(text.data(), static_cast<size_t>(size)).find("populated 1") !=
                         std::string_view::npos;
}

Cgroups::Cgroups(HostPaths paths) : paths_(std::move(paths)) {}

std::optional<std::string> Cgroups::path(uint64_t id) {
  auto it = known_.find(id);
  if (it != known_.end()) return it->second;
  const auto kept = kept_.find(id);
  if (kept != kept_.end()) return kept->second;
  if (!may_walk_ || gone_.contains(id)) return std::nullopt;

  const bool whole = rescan();
  it = known_.find(id);
  if (it != known_.end()) return it->second;
  if (whole) {
    if (gone_.size() >= kMaxCgroups) gone_.clear();
    gone_.insert(id);
  }
  return std::nullopt;
}

void Cgroups::start_scrape() { may_walk_ = true; }

bool Cgroups::rescan() {
  may_walk_ = false;
  Result<std::vector<Cgroup>> found = walk(paths_);
  if (!found) return false;
  known_.clear();
  for (Cgroup& cgroup : *found) known_.emplace(cgroup.id, std::move(cgroup.path));
  return found->size() < kMaxCgroups;
}

Result<std::vector<Cgroup>> Cgroups::match(const std::vector<std::string>& globs) const {
  Result<std::vector<Cgroup>> found = walk(paths_);
  if (!found) return found;
  std::erase_if(*found, [&](const Cgroup& cgroup) {
    return std::none_of(globs.begin(), globs.end(), [&](const std::string& glob) {
      return cgroup_glob_matches(glob, cgroup.path);
    });
  });
  return found;
}

}  // namespace kernel_exporter

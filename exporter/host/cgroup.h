// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "host/paths.h"

namespace kernel_exporter {

struct Cgroup {
  uint64_t id = 0;   // cgroup2 id: the inode number of its directory, bpf_get_current_cgroup_id()
  std::string path;  // below the hierarchy's root, "/" for the root, "/system.slice/ssh.service"
};

// The path of a process's cgroup below the cgroup2 root, from procfs/PID/cgroup; "/" is the root.
[[nodiscard]] Result<std::string> cgroup_of_process(const HostPaths& paths, pid_t pid);

// The id of the cgroup at a path below `root` (open_cgroup_root()); nullopt: there is none.
std::optional<uint64_t> cgroup_id(const UniqueFd& root, const std::string& path);

// Whether there are processes in the cgroup or below it; false when it is gone.
bool cgroup_populated(const HostPaths& paths, const std::string& path);

// The cgroup2 hierarchy, found in procfs/self/mountinfo (unified or hybrid). One thread at a time.
class Cgroups {
 public:
  explicit Cgroups(HostPaths paths);

  // The path of a cgroup by id. Known paths are kept while they exist (stat on each call would cost
  // a scrape; entries are dropped when a rescan no longer finds them) and their number is bounded.
  // An unknown id costs at most one walk of the tree a scrape, and as ids are not used again, one
  // that a whole walk did not find costs none later. nullopt: gone, or never there.
  std::optional<std::string> path(uint64_t id);

  // A path that path() knows until it is told to forget it, also when the cgroup is gone: of one
  // that is selected.
  void keep(const Cgroup& cgroup) { kept_.insert_or_assign(cgroup.id, cgroup.path); }
  void forget(uint64_t id) { kept_.erase(id); }

  // Allows path() to walk the tree once more: call once before each scrape.
  void start_scrape();

  // All cgroups whose path matches one of the globs (cgroup_glob.h: "*" stays
  // between slashes, "**" crosses them). Directories that vanish during the walk are left out, not
  // an error.
  [[nodiscard]] Result<std::vector<Cgroup>> match(const std::vector<std::string>& globs) const;

 private:
  bool rescan();  // true: every cgroup there was is known now

  HostPaths paths_;
  std::unordered_map<uint64_t, std::string> known_;
  std::unordered_map<uint64_t, std::string> kept_;
  std::unordered_set<uint64_t> gone_;
  bool may_walk_ = true;
};

}  // namespace kernel_exporter

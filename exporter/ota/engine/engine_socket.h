// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "host/paths.h"

namespace kernel_exporter {

// UNIX STREAM sockets on which engines speak. Nothing here blocks.

// An empty descriptor if no process listens there. Errors: permission denied, or its queue is full.
[[nodiscard]] Result<UniqueFd> connect_engine_socket(const std::string& path);

// Everything there is to read now, up to a bound that leaves the caller time for other things.
struct EngineBytes {
  std::string bytes;
  bool closed = false;
};
EngineBytes read_engine_socket(const UniqueFd& fd);

// Who listens at the other end.
struct EngineProcess {
  pid_t pid = 0;         // 0: not known, as in another pid namespace
  int64_t start_ns = 0;  // CLOCK_BOOTTIME, in steps of 10 ms; 0: not known
  UniqueFd handle;       // readable once the process has ended; none before Linux 5.3

  bool same(const EngineProcess& other) const {
    return pid != 0 && pid == other.pid && start_ns == other.start_ns;
  }
};
EngineProcess engine_process(const UniqueFd& connection, const HostPaths& paths);

// Tells when something called `path` appears, by its folder.
class AppearanceWatch {
 public:
  explicit AppearanceWatch(const std::string& path);

  // -1: the folder is not there, or cannot be watched.
  int fd() const { return inotify_.get(); }
  // After the descriptor became readable: whether it was for `path`.
  bool appeared();

 private:
  std::string name_;
  UniqueFd inotify_;
};

}  // namespace kernel_exporter

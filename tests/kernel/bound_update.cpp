// SPDX-License-Identifier: Apache-2.0
#include "bound_update.h"

#include <fcntl.h>
#include <unistd.h>

#include "text.h"

namespace kernel_exporter {
namespace {

constexpr size_t kFolderBytes = 16 << 20;
constexpr size_t kDeviceBytes = 8 << 20;

std::vector<std::string> rules() {
  std::vector<std::string> files;
  for (const char* probe : {"otawrite", "otasync", "otafail", "reboot"}) {
    files.push_back(full_rules(probe));
  }
  return files;
}

}  // namespace

BoundUpdate::BoundUpdate(const std::string& name)
    : folder_(kFolderBytes),
      loop_(folder_.path(), kDeviceBytes),
      cgroup_("/" + name),
      exporter_(rules(), agent_.options()) {}

void BoundUpdate::begin(const std::string& device) {
  agent_.tell({"begin", "--id", "update", "--engine", "test", "--device",
               "/dev/" + device + "=slot", "--cgroup", cgroup_.path()});
}

std::string BoundUpdate::fail() {
  return words(agent_.tell({"end", "failed"})).back();  // "transaction 1: failed, io_error"
}

std::string BoundUpdate::history() const { return agent_.tell({"history", "--json"}); }

void BoundUpdate::enter(const char* processes_file) {
  const int file = ::open(processes_file, O_WRONLY | O_CLOEXEC);
  if (file < 0 || ::write(file, "0", 1) != 1) ::_exit(126);
  ::close(file);
}

}  // namespace kernel_exporter

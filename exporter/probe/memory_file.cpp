// SPDX-License-Identifier: Apache-2.0
#include "probe/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>

namespace kernel_exporter {
namespace {

// Services that may not make memory executable are refused memfd_create (systemd's @ipc).
UniqueFd open_unnamed() {
  UniqueFd file(::memfd_create("kernel_exporter", MFD_CLOEXEC));
  if (file) return file;
  return UniqueFd(::open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

}  // namespace

MemoryFile::MemoryFile(UniqueFd file)
    : file_(std::move(file)), path_("/proc/self/fd/" + std::to_string(file_.get())) {}

std::optional<MemoryFile> MemoryFile::create() {
  UniqueFd unnamed = open_unnamed();
  if (!unnamed) return std::nullopt;
  MemoryFile file(std::move(unnamed));
  if (::access(file.path_.c_str(), R_OK) != 0) return std::nullopt;
  return file;
}

bool MemoryFile::replace(std::span<const std::byte> content) const {
  return ::ftruncate(file_.get(), 0) == 0 && ::pwrite(file_.get(), content.data(), content.size(),
                                                      0) == static_cast<ssize_t>(content.size());
}

}  // namespace kernel_exporter

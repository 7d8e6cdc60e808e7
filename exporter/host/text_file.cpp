// SPDX-License-Identifier: Apache-2.0
#include "host/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/unique_fd.h"

namespace kernel_exporter {
namespace {

UniqueFd open_to_read(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

Result<std::string> read_all(const UniqueFd& fd, const std::string& path, size_t limit) {
  std::string text;
  // Most files fit a page of the stack; /proc/kallsyms has megabytes.
  char small[4 << 10];
  constexpr size_t kLarge = 64 << 10;
  std::unique_ptr<char[]> large;
  while (text.size() < limit) {
    if (!large && text.size() >= sizeof small)
      large = std::make_unique_for_overwrite<char[]>(kLarge);
    char* const buffer = large ? large.get() : small;
    const size_t room = large ? kLarge : sizeof small;
    const ssize_t got = ::read(fd.get(), buffer, std::min(room, limit - text.size()));
    if (got == 0) break;
    if (got > 0) {
      text.append(buffer, static_cast<size_t>(got));
    } else if (errno != EINTR) {
      return fail_errno(errno, path);
    }
  }
  return text;
}

}  // namespace

Result<std::string> read_text_file(const std::string& path, size_t limit) {
  const UniqueFd fd = open_to_read(path);
  if (!fd) return fail_errno(errno, path);
  return read_all(fd, path, limit);
}

Result<std::string> read_regular_file(const std::string& path, size_t limit) {
  const UniqueFd fd = open_to_read(path);
  struct stat status = {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return fail_errno(errno, path);
  if (!S_ISREG(status.st_mode)) return fail(path + ": not a regular file");
  return read_all(fd, path, limit);
}

}  // namespace kernel_exporter

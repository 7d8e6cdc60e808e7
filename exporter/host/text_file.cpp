// SPDX-License-Identifier: Apache-2.0
#include "host/text_file.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/unique_fd.h"

namespace kernel_exporter {

Result<std::string> read_text_file(const std::string& path, size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail_errno(errno, path);
  std::string text;
  constexpr size_t kChunk = 64 << 10;
  while (text.size() < limit) {
    const size_t old_size = text.size();
    text.resize(std::min(limit, old_size + kChunk));
    const ssize_t got = ::read(fd.get(), text.data() + old_size, text.size() - old_size);
    const int error_number = errno;
    text.resize(old_size + std::max<ssize_t>(got, 0));
    if (got == 0) break;
    if (got < 0 && error_number != EINTR) return fail_errno(error_number, path);
  }
  return text;
}

}  // namespace kernel_exporter

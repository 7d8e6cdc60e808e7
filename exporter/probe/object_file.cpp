// SPDX-License-Identifier: Apache-2.0
#include "probe/object_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/unique_fd.h"

namespace kernel_exporter {
namespace {

constexpr off_t kMaxBytes = off_t{64} << 20;

}  // namespace

Result<std::vector<std::byte>> read_object_file(const std::string& path) {
  const std::string what = "object " + path;
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0) return fail_errno(errno, what);
  if (!S_ISREG(status.st_mode)) return fail(what + " is not a regular file");
  if (status.st_size > kMaxBytes) return fail(what + " is larger than 64 MiB");
  std::vector<std::byte> image(static_cast<size_t>(status.st_size));
  size_t done = 0;
  while (done < image.size()) {
    const ssize_t got = read(file.get(), image.data() + done, image.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, what);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  image.resize(done);
  return image;
}

}  // namespace kernel_exporter

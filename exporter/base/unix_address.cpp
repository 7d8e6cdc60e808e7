// SPDX-License-Identifier: Apache-2.0
#include "base/unix_address.h"

#include <sys/socket.h>

namespace kernel_exporter {

std::optional<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() > kMaxUnixPath) return {};
  path.copy(address.sun_path, path.size());
  return address;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/un.h>

#include <optional>
#include <string>

namespace kernel_exporter {

// unix(7): the longest path of a socket, in bytes, without the zero byte behind it.
constexpr size_t kMaxUnixPath = sizeof(sockaddr_un::sun_path) - 1;

// The address of a socket in the file system; none when the path is too long for one.
std::optional<sockaddr_un> unix_address(const std::string& path);

}  // namespace kernel_exporter

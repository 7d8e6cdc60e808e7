// SPDX-License-Identifier: Apache-2.0
#include "http/shutdown_sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <filesystem>
#include <string>
#include <vector>

namespace kernel_exporter {
namespace {

std::vector<int> open_descriptors() {
  std::vector<int> descriptors;
  std::error_code error;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename();
    int descriptor = -1;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    descriptors.push_back(descriptor);
  }
  return descriptors;
}

}  // namespace

void shutdown_sockets(uint16_t local_port) {
  for (const int descriptor : open_descriptors()) {
    sockaddr_in name{};
    socklen_t size = sizeof name;
    if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&name), &size) != 0) continue;
    if (name.sin_family != AF_INET || ntohs(name.sin_port) != local_port) continue;
    shutdown(descriptor, SHUT_RDWR);
  }
}

}  // namespace kernel_exporter

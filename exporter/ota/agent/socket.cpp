// SPDX-License-Identifier: Apache-2.0
#include "ota/agent/socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <cerrno>
#include <filesystem>

#include "base/unix_address.h"

namespace kernel_exporter {
namespace {

constexpr int kBacklog = 16;
constexpr timeval kPatience = {10, 0};

UniqueFd seqpacket_socket(int flags) {
  return UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
}

int connect_to(const UniqueFd& fd, const sockaddr_un& address) {
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(fd.get(), generic, sizeof address) == 0 ? 0 : errno;
}

Result<void> make_way(const std::string& path, const sockaddr_un& address) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return fail("ota socket " + path + ": exists and is not a socket");
  const UniqueFd probe = seqpacket_socket(SOCK_NONBLOCK);
  const int outcome = connect_to(probe, address);
  if (outcome != ECONNREFUSED && outcome != ENOENT) {
    return fail("ota socket " + path +
                ": another process listens on it; end it or choose another "
                "path with `socket` in --ota.config");
  }
  ::unlink(path.c_str());
  return {};
}

}  // namespace

Result<UniqueFd> listen_at(const std::string& path) {
  const std::string what = "ota socket " + path;
  const auto address = unix_address(path);
  if (!address) return fail(what + ": the path is too long for a socket");
  std::error_code status;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), status);
  if (status) return fail(what + ": " + status.message());
  if (const auto way = make_way(path, *address); !way) return fail(way.error().message);
  UniqueFd fd = seqpacket_socket(SOCK_NONBLOCK);
  if (!fd) return fail_errno(errno, what);
  const auto* generic = reinterpret_cast<const sockaddr*>(&*address);
  if (::bind(fd.get(), generic, sizeof *address) != 0) return fail_errno(errno, what);
  if (::chmod(path.c_str(), 0666) != 0) return fail_errno(errno, what);
  if (::listen(fd.get(), kBacklog) != 0) return fail_errno(errno, what);
  return fd;
}

Result<std::string> ask_ota_socket(const std::string& path, std::string_view message) {
  const std::string what = "ota socket " + path;
  const auto address = unix_address(path);
  if (!address) return fail(what + ": the path is too long for a socket");
  const UniqueFd fd = seqpacket_socket(0);
  if (!fd) return fail_errno(errno, what);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  const int connected = connect_to(fd, *address);
  if (connected != 0) {
    return fail(what + ": " + errno_text(connected) +
                "; is `kernel_exporter serve --ota.config FILE` running?");
  }
  // A server that refuses the peer answers at once and closes: the answer is still to be read.
  const ssize_t sent = ::send(fd.get(), message.data(), message.size(), MSG_NOSIGNAL);
  const int send_error = sent < 0 ? errno : 0;
  const ssize_t size = ::recv(fd.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC);
  if (size <= 0 && send_error != 0) return fail_errno(send_error, what);
  if (size < 0) return fail_errno(errno, what);
  if (size == 0) return fail(what + ": closed without an answer");
  std::string answer(static_cast<size_t>(size), '\0');
  if (::recv(fd.get(), answer.data(), answer.size(), 0) != size) return fail_errno(errno, what);
  return answer;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/engine_socket.h"

#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "base/unix_address.h"
#include "host/process.h"

namespace kernel_exporter {
namespace {

constexpr size_t kReadBytes = 64 << 10;
constexpr int kReads = 16;
constexpr pid_t kInit = 1;

// CLOCK_BOOTTIME; 0: not known.
int64_t start_of(const HostPaths& paths, pid_t pid) {
  const auto ticks = process_start(paths, pid);
  return ticks ? static_cast<int64_t>(*ticks) * (1'000'000'000 / ::sysconf(_SC_CLK_TCK)) : 0;
}

}  // namespace

Result<UniqueFd> connect_engine_socket(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return fail(path + ": too long for a socket");
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno(errno, path);
  const auto* generic = reinterpret_cast<const sockaddr*>(&*address);
  if (::connect(fd.get(), generic, sizeof *address) == 0) return fd;
  if (errno == ENOENT || errno == ECONNREFUSED) return UniqueFd();
  if (errno != EACCES) return fail_errno(errno, path);
  return fail_errno(EACCES, path + ": add the exporter's user to the group of the socket");
}

EngineBytes read_engine_socket(const UniqueFd& fd) {
  EngineBytes read;
  std::string buffer(kReadBytes, '\0');
  for (int i = 0; i < kReads; ++i) {
    const ssize_t size = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    read.closed = size == 0 || (size < 0 && errno != EAGAIN);
    if (size <= 0) break;
    read.bytes.append(buffer, 0, static_cast<size_t>(size));
  }
  return read;
}

EngineProcess engine_process(const UniqueFd& connection, const HostPaths& paths) {
  EngineProcess process;
  ucred peer = {};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
                     peer.pid > kInit;
  // init listens on behalf of services that it starts on demand.
  if (!known) return process;
  process.pid = peer.pid;
  process.start_ns = start_of(paths, peer.pid);
  process.handle = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
  return process;
}

AppearanceWatch::AppearanceWatch(const std::string& path) {
  const std::filesystem::path whole(path);
  name_ = whole.filename();
  UniqueFd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  const int watch = ::inotify_add_watch(inotify.get(), whole.parent_path().c_str(),
                                        IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
  if (watch >= 0) inotify_ = std::move(inotify);
}

bool AppearanceWatch::appeared() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  bool found = false;
  for (;;) {
    const ssize_t size = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (size <= 0) return found;
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      found |= event->len > 0 && name_ == event->name;
      at += static_cast<ssize_t>(sizeof *event + event->len);
    }
  }
}

}  // namespace kernel_exporter

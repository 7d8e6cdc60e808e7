// SPDX-License-Identifier: Apache-2.0
#include "commands/process_setup.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/log.h"

namespace kernel_exporter {
namespace {

// All probes and an update take about 90, each client one.
constexpr rlim_t kEnoughFiles = 256;

}  // namespace

void open_standard_files() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number, which is this one.
    if (::open("/dev/null", O_RDWR) != number) ::_exit(1);
  }
}

void ignore_write_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void raise_open_file_limit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max >= kEnoughFiles) return;
  spdlog::error(
      "only {} open files are allowed (ulimit -n, or LimitNOFILE= of the service): probes may fail "
      "and clients be turned away; {} are enough",
      limit.rlim_max, kEnoughFiles);
}

}  // namespace kernel_exporter

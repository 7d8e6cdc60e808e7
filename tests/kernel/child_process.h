// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <concepts>
#include <string>
#include <vector>

namespace kernel_exporter {

// A child that ends with the thread that started it.
class ChildProcess {
 public:
  // Starts a program with its standard output or error (1 or 2) going to `to`.
  ChildProcess(const std::vector<std::string>& command, int stream, int to);

  // Runs `body` between fork and _exit: system calls only, no memory allocation.
  template <std::invocable Body>
  explicit ChildProcess(Body body) : pid_(fork_bound()) {
    if (pid_ == 0) {
      body();
      leave();
    }
  }

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) = delete;
  ~ChildProcess();  // kills it unless it has been waited for

  pid_t pid() const { return pid_; }
  int wait();  // its exit code, -1 when a signal ended it
  int end(int signal);

 private:
  static pid_t fork_bound();
  [[noreturn]] static void leave();

  pid_t pid_ = -1;
};

// Runs a program to its end and returns what it printed. Gives up if its exit code is not
// `exit_code`.
std::string run_program(const std::vector<std::string>& command, int exit_code = 0);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "base/unique_fd.h"
#include "text.h"

namespace kernel_exporter {

pid_t ChildProcess::fork_bound() {
  const pid_t pid = checked(::fork(), "fork");
  if (pid == 0) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return pid;
}

void ChildProcess::leave() { ::_exit(0); }

ChildProcess::ChildProcess(const std::vector<std::string>& command, int stream, int to) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_ = fork_bound();
  if (pid_ == 0) {
    ::dup2(to, stream);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) end(SIGKILL);
}

int ChildProcess::wait() {
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int ChildProcess::end(int signal) {
  ::kill(pid_, signal);
  return wait();
}

std::string run_program(const std::vector<std::string>& command, int exit_code) {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe");
  const UniqueFd output(ends[0]);
  UniqueFd input(ends[1]);
  ChildProcess child(command, STDOUT_FILENO, input.get());
  { const UniqueFd closing = std::move(input); }
  std::string text;
  char chunk[4096];
  for (ssize_t size; (size = ::read(output.get(), chunk, sizeof chunk)) > 0;) {
    text.append(chunk, static_cast<size_t>(size));
  }
  const int code = child.wait();
  if (code != exit_code) {
    std::string line;
    for (const std::string& word : command) line += word + " ";
    give_up_plainly(line + "ended with code " + std::to_string(code));
  }
  return text;
}

}  // namespace kernel_exporter

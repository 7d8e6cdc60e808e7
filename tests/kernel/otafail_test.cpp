// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iterator>
#include <thread>

#include "bound_update.h"
#include "cgroup_directory.h"
#include "text.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

constexpr char kFailures[] = "ota_process_failures_total";
constexpr size_t kMiB = 1 << 20;

// A process that has entered its cgroup and waits to be killed.
template <typename Start>
int kill_waiting(Start start, int signal, void (*wait)(int ready)) {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe");
  const UniqueFd output(ends[0]);
  UniqueFd input(ends[1]);
  ChildProcess child = start([wait, ready = input.get()] { wait(ready); });
  char byte = 0;
  checked(static_cast<int>(::read(output.get(), &byte, 1)), "a child's pipe");
  return child.end(signal);
}

void wait_ready(int ready) {
  ::signal(SIGTERM, SIG_DFL);
  if (::write(ready, "r", 1) != 1) ::_exit(1);
  for (;;) ::pause();
}

// "engine", of which all that is left is a thread with a name of its own.
void wait_in_thread(int ready) {
  alignas(16) static char stack[1 << 16];
  static int told;
  told = ready;
  ::prctl(PR_SET_NAME, "engine");
  const auto thread = [](void*) -> int {
    ::prctl(PR_SET_NAME, "last_thread");
    wait_ready(told);
    return 0;
  };
  constexpr int kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  if (::clone(thread, std::end(stack), kThread, nullptr) < 0) ::_exit(1);
  ::syscall(SYS_exit, 0);
}

class OtaFail : public testing::Test {
 protected:
  void verify_failures(double oom, double signal, double no_space) {
    const Samples samples = update_.exporter().scrape();
    VERIFY_EQ(samples.sum(kFailures, {{"failure", "oom_killed"}}), oom);
    VERIFY_EQ(samples.sum(kFailures, {{"failure", "signal_killed"}}), signal);
    VERIFY_EQ(samples.sum(kFailures, {{"failure", "no_space"}}), no_space);
  }
  int kill_inside(int signal, void (*wait)(int) = wait_ready) {
    return kill_waiting([&](auto body) { return update_.inside(body); }, signal, wait);
  }
  int kill_outside(int signal) {
    return kill_waiting([](auto body) { return ChildProcess(body); }, signal, wait_ready);
  }

  BoundUpdate update_{"kernel_tests_otafail"};
};

TEST_F(OtaFail, NamesWhoKilledAProcessOfTheUpdate) {
  VERIFY_EQ(kill_inside(SIGKILL), -1);  // the control: no update is open
  update_.begin();
  VERIFY_EQ(kill_outside(SIGKILL), -1);
  verify_failures(0, 0, 0);
  VERIFY_EQ(kill_inside(SIGKILL), -1);
  verify_failures(0, 1, 0);
  VERIFY_EQ(kill_inside(SIGTERM), -1);
  verify_failures(0, 2, 0);
  VERIFY_EQ(update_.fail(), "signal_killed");
  const std::string told = "SIGKILL ended kernel_tests";
  VERIFY_NE(update_.history().find(told), std::string::npos) << update_.history();
  VERIFY_NE(update_.history().find("sent by kernel_tests (" + std::to_string(::getpid()) + ")"),
            std::string::npos)
      << update_.history();
}

TEST_F(OtaFail, NamesProcessesByTheirFirstThreads) {
  update_.begin();
  std::thread([this] {
    ::prctl(PR_SET_NAME, "killer");
    VERIFY_EQ(kill_inside(SIGKILL, wait_in_thread), -1);
  }).join();
  VERIFY_EQ(update_.fail(), "signal_killed");
  const std::string history = update_.history();
  VERIFY_NE(history.find("SIGKILL ended engine ("), std::string::npos) << history;
  VERIFY_NE(history.find("sent by kernel_tests ("), std::string::npos) << history;
}

void wait_and_handle(int ready) {
  ::signal(SIGTERM, [](int) { ::_exit(0); });
  if (::write(ready, "r", 1) != 1) ::_exit(1);
  for (;;) ::pause();
}

void wait_with_descriptor(int ready) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  if (::write(ready, "r", 1) != 1) ::_exit(1);
  int number = 0;
  ::sigwait(&signals, &number);
  ::_exit(number == SIGINT ? 0 : 1);
}

// Ends when its input does.
void ignore(int ready) {
  ::signal(SIGTERM, SIG_IGN);
  ::alarm(1);
  if (::write(ready, "r", 1) != 1) ::_exit(1);
  for (;;) ::pause();
}

TEST_F(OtaFail, CountsRequestsToEndThatAProcessHandlesItself) {
  update_.begin();
  VERIFY_EQ(kill_inside(SIGTERM, wait_and_handle), 0);
  verify_failures(0, 1, 0);
  VERIFY_EQ(kill_inside(SIGINT, wait_with_descriptor), 0);
  verify_failures(0, 2, 0);
  kill_inside(SIGTERM, ignore);  // the control: SIGALRM ends it
  verify_failures(0, 2, 0);
  VERIFY_EQ(update_.fail(), "signal_killed");
  const std::string told = "SIGTERM reached kernel_tests";
  VERIFY_NE(update_.history().find(told), std::string::npos) << update_.history();
}

// The helper that the main process of an update leaves behind when it returns `code` is stopped.
void stop_left_over(const BoundUpdate& update, int code) {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe");
  const UniqueFd output(ends[0]);
  UniqueFd input(ends[1]);
  ChildProcess main = update.inside([told = input.get(), code] {
    const pid_t helper = ::fork();
    if (helper == 0) {
      for (;;) ::pause();
    }
    ::_exit(::write(told, &helper, sizeof helper) == sizeof helper ? code : 126);
  });
  input = UniqueFd();
  pid_t helper = 0;
  VERIFY_EQ(::read(output.get(), &helper, sizeof helper), ssize_t{sizeof helper});
  VERIFY_EQ(main.wait(), code);
  checked(::kill(helper, SIGKILL), "kill");
  // Files are closed after the tracepoint of the exit.
  VERIFY_EQ(::read(output.get(), &helper, sizeof helper), 0);
}

TEST_F(OtaFail, LeavesAloneWhoIsStoppedAfterTheMainProcessHasSucceeded) {
  update_.begin();
  stop_left_over(update_, 0);
  verify_failures(0, 0, 0);
  VERIFY_EQ(kill_inside(SIGKILL), -1);  // the control: it began afterwards
  verify_failures(0, 1, 0);
  stop_left_over(update_, 3);  // another: it has not succeeded
  verify_failures(0, 2, 0);
}

TEST_F(OtaFail, LeavesAloneWhatAnUpdateDoesToItself) {
  update_.begin();
  ChildProcess engine = update_.inside([] {
    const pid_t helper = ::fork();
    if (helper == 0) {
      for (;;) ::pause();
    }
    ::kill(helper, SIGKILL);
    int status = 0;
    if (::waitpid(helper, &status, 0) != helper || !WIFSIGNALED(status)) ::_exit(1);
    const pid_t reader = ::fork();
    if (reader == 0) {
      int ends[2];
      if (::pipe(ends) != 0) ::_exit(1);
      ::close(ends[0]);
      ::signal(SIGPIPE, SIG_DFL);
      [[maybe_unused]] const ssize_t written = ::write(ends[1], "x", 1);
      ::_exit(2);
    }
    if (::waitpid(reader, &status, 0) != reader || !WIFSIGNALED(status)) ::_exit(2);
    ::_exit(42);
  });
  VERIFY_EQ(engine.wait(), 42);
  verify_failures(0, 0, 0);
  // Its own fault is another matter.
  VERIFY_EQ(update_.inside([] { ::abort(); }).wait(), -1);
  verify_failures(0, 1, 0);
  VERIFY_EQ(update_.fail(), "signal_killed");
}

// Writes until it fails, and twice more; exits with 42 when each failed for want of space.
void write_to_the_end(const char* path) {
  const int file = ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  static char block[1 << 16];
  while (::write(file, block, sizeof block) > 0) continue;
  bool full = errno == ENOSPC;
  for (int i = 0; i < 2; ++i)
    full = ::write(file, block, sizeof block) < 0 && errno == ENOSPC && full;
  ::_exit(full ? 42 : 1);
}

TEST_F(OtaFail, CountsEachWriteThatFindsNoSpace) {
  update_.begin();
  MemoryFileSystem small(kMiB);
  const std::string path = small.path() + "/file";
  VERIFY_EQ(ChildProcess([&] { write_to_the_end(path.c_str()); }).wait(), 42);
  verify_failures(0, 0, 0);
  checked(::unlink(path.c_str()), path);
  VERIFY_EQ(update_.inside([&] { write_to_the_end(path.c_str()); }).wait(), 42);
  verify_failures(0, 0, 3);
  VERIFY_EQ(update_.fail(), "no_space");
}

TEST_F(OtaFail, DoesNotBlameALackOfSpaceThatTheUpdateGotAround) {
  update_.begin();
  MemoryFileSystem small(kMiB);
  const std::string path = small.path() + "/cache";
  const auto fill = [&] { write_to_the_end(path.c_str()); };
  VERIFY_EQ(
      update_
          .inside([&] {
            const pid_t helper = ::fork();
            if (helper == 0) fill();
            int status = 0;
            ::_exit(::waitpid(helper, &status, 0) == helper && WEXITSTATUS(status) == 42 ? 0 : 1);
          })
          .wait(),
      0);
  verify_failures(0, 0, 3);
  VERIFY_EQ(update_.fail(), "engine_error");
  update_.begin();
  checked(::unlink(path.c_str()), path);
  VERIFY_EQ(update_.inside(fill).wait(), 42);  // the control: it gives up
  VERIFY_EQ(update_.fail(), "no_space");
}

// A limit on the update's cgroup, or beside it where the memory controller is of the old kind.
class MemoryLimit {
 public:
  MemoryLimit() {
    const std::string cgroup = cgroup2_mount() + "/kernel_tests_otafail";
    const std::string bytes = std::to_string(32 * kMiB);
    path_ = cgroup;
    if (::access((cgroup + "/memory.max").c_str(), F_OK) == 0) {
      write_text(cgroup + "/memory.max", bytes);
      return;
    }
    path_ = own_ = "/sys/fs/cgroup/memory/kernel_tests_otafail";
    checked(::mkdir(own_.c_str(), 0755), own_);
    write_text(own_ + "/memory.limit_in_bytes", bytes);
  }
  ~MemoryLimit() {
    if (!own_.empty()) remove_cgroup(own_);
  }
  std::string processes_file() const { return path_ + "/cgroup.procs"; }

 private:
  std::string path_;
  std::string own_;
};

// The kernel's own count, of the whole machine.
uint64_t oom_kills() {
  for (const std::string& line : lines(read_text("/proc/vmstat"))) {
    if (line.starts_with("oom_kill ")) return std::stoull(words(line).at(1));
  }
  give_up_plainly("/proc/vmstat: no oom_kill");
}

TEST_F(OtaFail, TellsWantOfMemoryFromAKill) {
  update_.begin();
  const uint64_t before = oom_kills();
  {
    const MemoryLimit limit;
    const std::string place = limit.processes_file();
    ChildProcess greedy = update_.inside([place = place.c_str()] {
      const int file = ::open(place, O_WRONLY | O_CLOEXEC);
      if (file < 0 || ::write(file, "0", 1) != 1) ::_exit(1);
      void* memory =
          ::mmap(nullptr, 256 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      for (size_t at = 0; memory != MAP_FAILED && at < 256 * kMiB; at += 4096) {
        static_cast<volatile char*>(memory)[at] = 1;
      }
      ::_exit(2);
    });
    VERIFY_EQ(greedy.wait(), -1);
  }
  VERIFY_GE(oom_kills(), before + 1);
  verify_failures(1, 0, 0);
  VERIFY_EQ(update_.fail(), "oom_killed");
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "busy_processes.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

#include "schedstat.h"
#include "text.h"

namespace kernel_exporter {
namespace {

int64_t monotonic_now() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

void enter_real_time_class() {
  sched_param parameters{};
  parameters.sched_priority = 1;
  if (::sched_setscheduler(0, SCHED_FIFO, &parameters) != 0) ::_exit(1);
}

// Sleeps most of the time.
void take_short_turn() {
  constexpr int64_t kTurn = 100'000;
  constexpr timespec kRest = {0, 2'000'000};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &kRest, nullptr);
  const int64_t end = monotonic_now() + kTurn;
  while (monotonic_now() < end) continue;
}

bool is_asleep(pid_t process) {
  return read_text("/proc/" + std::to_string(process) + "/stat").find(") S ") != std::string::npos;
}

void pin(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  ::sched_setaffinity(0, sizeof cpus, &cpus);
}

cpu_set_t own_cpus() {
  cpu_set_t cpus;
  checked(::sched_getaffinity(0, sizeof cpus, &cpus), "affinity");
  return cpus;
}

}  // namespace

BusyProcesses::BusyProcesses(int count, int cpu, const std::string& cgroup_processes, Pace pace) {
  void* const memory =
      ::mmap(nullptr, sizeof *start_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) give_up("shared memory");
  start_ = new (memory) Start{};
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe");
  done_read_ = UniqueFd(ends[0]);
  done_write_ = UniqueFd(ends[1]);
  children_.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    children_.emplace_back([&] { live(cpu, cgroup_processes.c_str(), pace); });
  }
  wait_until_done();  // that is, until all are where they belong
}

BusyProcesses::~BusyProcesses() {
  children_.clear();
  ::munmap(start_, sizeof *start_);
}

// In the child: no more than system calls.
void BusyProcesses::live(int cpu, const char* cgroup_processes, Pace pace) const {
  if (cpu != kAnyCpu) pin(cpu);
  if (*cgroup_processes != '\0') {
    const int fd = ::open(cgroup_processes, O_WRONLY);
    if (::write(fd, "0", 1) != 1) ::_exit(1);
    ::close(fd);
  }
  if (pace == Pace::kShortTurns) enter_real_time_class();
  for (uint32_t round = 0;; ++round) {
    const char done = 0;
    if (::write(done_write_.get(), &done, 1) != 1) ::_exit(1);
    while (start_->round == round) {
      ::syscall(SYS_futex, &start_->round, FUTEX_WAIT, round, nullptr, nullptr, 0);
    }
    while (monotonic_now() < start_->end) {
      if (pace == Pace::kShortTurns) take_short_turn();
    }
  }
}

void BusyProcesses::start(std::chrono::milliseconds duration) {
  start_->end = monotonic_now() + std::chrono::nanoseconds(duration).count();
  start_->round += 1;
  ::syscall(SYS_futex, &start_->round, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

// One that has said so may still be waiting for a CPU on its way to sleep.
void BusyProcesses::wait_until_done() {
  for (size_t left = children_.size(); left > 0; --left) {
    char done;
    if (::read(done_read_.get(), &done, 1) != 1) give_up("end of the busy processes");
  }
  for (const ChildProcess& child : children_) {
    while (!is_asleep(child.pid())) ::sched_yield();
  }
}

double BusyProcesses::run_delay() const {
  double sum = 0;
  for (const ChildProcess& child : children_) sum += kernel_exporter::run_delay(child.pid());
  return sum;
}

int first_cpu() {
  const cpu_set_t cpus = own_cpus();
  int cpu = 0;
  while (!CPU_ISSET(cpu, &cpus)) ++cpu;
  return cpu;
}

int last_cpu() {
  const cpu_set_t cpus = own_cpus();
  int cpu = CPU_SETSIZE - 1;
  while (!CPU_ISSET(cpu, &cpus)) --cpu;
  return cpu;
}

}  // namespace kernel_exporter

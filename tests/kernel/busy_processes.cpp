#include "busy_processes.h"

#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "schedstat.h"
#include "text.h"

namespace kernel_exporter {
namespace {

int64_t monotonic_now() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

void make_pipe(UniqueFd& read_end, UniqueFd& write_end) {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe");
  read_end = UniqueFd(ends[0]);
  write_end = UniqueFd(ends[1]);
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

BusyProcesses::BusyProcesses(int count, int cpu, const std::string& cgroup_processes) {
  make_pipe(start_read_, start_write_);
  make_pipe(done_read_, done_write_);
  children_.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    children_.emplace_back([&] { live(cpu, cgroup_processes.c_str()); });
  }
  wait_until_done();  // that is, until all are where they belong
}

// In the child: no more than system calls.
void BusyProcesses::live(int cpu, const char* cgroup_processes) const {
  if (cpu != kAnyCpu) pin(cpu);
  if (*cgroup_processes != '\0') {
    const int fd = ::open(cgroup_processes, O_WRONLY);
    if (::write(fd, "0", 1) != 1) ::_exit(1);
    ::close(fd);
  }
  char done = 0;
  for (;;) {
    if (::write(done_write_.get(), &done, 1) != 1) ::_exit(1);
    int64_t end;
    if (::read(start_read_.get(), &end, sizeof end) != sizeof end) ::_exit(1);
    while (monotonic_now() < end) continue;
  }
}

void BusyProcesses::start(std::chrono::milliseconds duration) {
  const int64_t end = monotonic_now() + std::chrono::nanoseconds(duration).count();
  const std::vector<int64_t> ends(children_.size(), end);
  const size_t size = ends.size() * sizeof end;
  if (::write(start_write_.get(), ends.data(), size) != static_cast<ssize_t>(size)) {
    give_up("start of the busy processes");
  }
}

void BusyProcesses::wait_until_done() {
  for (size_t left = children_.size(); left > 0; --left) {
    char done;
    if (::read(done_read_.get(), &done, 1) != 1) give_up("end of the busy processes");
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

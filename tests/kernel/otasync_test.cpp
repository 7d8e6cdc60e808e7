// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bound_update.h"
#include "text.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

constexpr char kCount[] = "ota_sync_latency_seconds_count";
constexpr char kSum[] = "ota_sync_latency_seconds_sum";

Samples::Labels sync_of(const std::string& role, const std::string& operation) {
  return {{"role", role}, {"operation", operation}};
}

double seconds_now() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// For a child to write into; stays mapped.
double& shared_number() {
  void* page =
      ::mmap(nullptr, sizeof(double), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) give_up("mmap");
  return *static_cast<double*>(page);
}

// The kernel's own count of the flushes of a disk.
uint64_t flushes(const std::string& device) {
  const std::vector<std::string> field = words(read_text("/sys/block/" + device + "/stat"));
  return std::stoull(field.at(15));
}

// Writes and syncs, `fsyncs` times one way and `fdatasyncs` times the other.
void write_and_sync(const char* path, int fsyncs, int fdatasyncs) {
  const int file = ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) ::_exit(1);
  for (int i = 0; i < fsyncs + fdatasyncs; ++i) {
    if (::write(file, "x", 1) != 1) ::_exit(2);
    if ((i < fsyncs ? ::fsync(file) : ::fdatasync(file)) != 0) ::_exit(3);
  }
}

TEST(OtaSync, CountsEachCallOfTheUpdateAndNobodyElses) {
  BoundUpdate update("kernel_tests_otasync");
  const std::string device = "/dev/" + update.device();
  // The control: without an update nothing is attached.
  VERIFY_EQ(ChildProcess([&] { write_and_sync(device.c_str(), 3, 3); }).wait(), 0);
  VERIFY_EQ(update.exporter().scrape().count(kCount), 0U);
  update.begin();
  const uint64_t flushes_before = flushes(update.device());
  double& wall = shared_number();
  const auto measured = [&wall, path = device.c_str()] {
    const double before = seconds_now();
    write_and_sync(path, 7, 4);
    wall = seconds_now() - before;
  };
  VERIFY_EQ(update.inside(measured).wait(), 0);
  const uint64_t flushed = flushes(update.device()) - flushes_before;
  MemoryFileSystem elsewhere(1 << 20);
  const std::string other = elsewhere.path() + "/file";
  VERIFY_EQ(update.inside([&] { write_and_sync(other.c_str(), 5, 0); }).wait(), 0);
  VERIFY_EQ(update.inside([] { ::sync(); }).wait(), 0);
  // Of nobody, and not on the update's device.
  VERIFY_EQ(ChildProcess([&] { write_and_sync(other.c_str(), 9, 9); }).wait(), 0);
  const Samples samples = update.exporter().scrape();
  VERIFY_EQ(samples.sum(kCount, sync_of("slot", "fsync")), 7);
  VERIFY_EQ(samples.sum(kCount, sync_of("slot", "fdatasync")), 4);
  VERIFY_EQ(samples.sum(kCount, sync_of("other", "fsync")), 5);
  VERIFY_EQ(samples.sum(kCount, sync_of("other", "fdatasync")), 0);
  VERIFY_EQ(samples.sum(kCount, sync_of("other", "sync")), 1);
  VERIFY_GE(flushed, 11U);
  VERIFY_GE(samples.sum(kCount, sync_of("slot", "flush")), static_cast<double>(flushed));
  const double seconds =
      samples.sum(kSum, sync_of("slot", "fsync")) + samples.sum(kSum, sync_of("slot", "fdatasync"));
  VERIFY_GT(seconds, 0);
  VERIFY_LE(seconds, wall);
  update.fail();
}

TEST(OtaSync, IsAttachedOnlyWhileAnUpdateIsOpen) {
  constexpr char kAttached[] = "kernel_exporter_probe_attached";
  constexpr char kIdle[] = "kernel_exporter_probe_idle";
  const Samples::Labels probe = {{"probe", "otasync"}};
  BoundUpdate update("kernel_tests_otasync");
  const std::string device = "/dev/" + update.device();
  for (int round = 1; round <= 2; ++round) {
    Samples samples = update.exporter().scrape();
    VERIFY_EQ(samples.count(kAttached, probe), 0U);
    VERIFY_EQ(samples.sum(kIdle, probe), 1);
    update.begin();
    samples = update.exporter().scrape();
    VERIFY_EQ(samples.count(kAttached, probe), 1U);
    VERIFY_EQ(samples.sum(kAttached, probe), 1);
    VERIFY_EQ(samples.count(kIdle, probe), 0U);
    // Anybody's, on the update's device.
    VERIFY_EQ(ChildProcess([&] { write_and_sync(device.c_str(), 2, 0); }).wait(), 0);
    update.fail();
    VERIFY_EQ(ChildProcess([&] { write_and_sync(device.c_str(), 2, 0); }).wait(), 0);
    VERIFY_EQ(update.exporter().scrape().sum(kCount, sync_of("slot", "fsync")), 2 * round);
  }
}

}  // namespace
}  // namespace kernel_exporter

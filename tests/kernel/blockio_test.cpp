// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "block_device.h"
#include "exporter_process.h"
#include "text.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

constexpr char kBytes[] = "kernel_blockio_bytes_total";
constexpr char kRequests[] = "kernel_blockio_requests_total";
constexpr char kErrors[] = "kernel_blockio_errors_total";
constexpr char kLatencySum[] = "kernel_blockio_latency_seconds_sum";
constexpr char kLatencyCount[] = "kernel_blockio_latency_seconds_count";
constexpr char kQueueSum[] = "kernel_blockio_queue_seconds_sum";
constexpr char kQueueCount[] = "kernel_blockio_queue_seconds_count";
constexpr char kServiceSum[] = "kernel_blockio_service_seconds_sum";
constexpr char kServiceCount[] = "kernel_blockio_service_seconds_count";
constexpr char kLost[] = "kernel_exporter_probe_lost_events_total";

constexpr size_t kMiB = 1 << 20;
constexpr size_t kBlock = 64 << 10;  // one request on every kernel
constexpr size_t kPage = 4096;
constexpr int kWrites = 200;
constexpr int kReads = 150;

Samples::Labels io(const std::string& device, const std::string& operation) {
  return {{"device", device}, {"operation", operation}};
}

// What the exporter and the kernel counted of one device between two moments.
struct Interval {
  Samples before, after;
  DiskStats truth_before, truth_after;

  double exported(const std::string& name, const Samples::Labels& labels) const {
    return after.sum(name, labels) - before.sum(name, labels);
  }
  double truth(uint64_t DiskStats::*member) const {
    return static_cast<double>(truth_after.*member - truth_before.*member);
  }
  double truth(double DiskStats::*member) const {
    return truth_after.*member - truth_before.*member;
  }
};

// How many calls failed, and how.
struct Failures {
  int count = 0;
  int error_number = 0;
  void note(int result) {
    if (result == 0) return;
    ++count;
    error_number = result;
  }
};

Failures write_blocks(DirectIo& disk, int first, int count) {
  Failures failures;
  for (int i = 0; i < count; ++i) failures.note(disk.write(first + i));
  return failures;
}

Failures read_blocks(DirectIo& disk, int first, int count) {
  Failures failures;
  for (int i = 0; i < count; ++i) failures.note(disk.read(first + i));
  return failures;
}

// Requests of known sizes, compared from both sides.
template <typename Device>
Interval provoke(const ExporterProcess& exporter, const Device& device) {
  Interval interval;
  DirectIo disk(device.name(), kBlock);
  interval.truth_before = disk_stats(device.name());
  interval.before = exporter.scrape();
  VERIFY_EQ(write_blocks(disk, 0, kWrites).count, 0);
  VERIFY_EQ(read_blocks(disk, 0, kReads).count, 0);
  // The last completion may still be counted while its submitter goes on.
  const Samples::Labels reads = io(device.name(), "read");
  const double wanted = interval.before.sum(kRequests, reads) + kReads;
  interval.after = exporter.scrape_until(
      [&](const Samples& samples) { return samples.sum(kRequests, reads) >= wanted; });
  interval.truth_after = disk_stats(device.name());
  return interval;
}

void verify_counts(const Interval& interval, const std::string& device) {
  const Samples::Labels reads = io(device, "read"), writes = io(device, "write");
  VERIFY_EQ(interval.exported(kRequests, writes), kWrites);
  VERIFY_EQ(interval.exported(kRequests, writes), interval.truth(&DiskStats::writes));
  VERIFY_EQ(interval.exported(kBytes, writes), kWrites * kBlock);
  VERIFY_EQ(interval.exported(kBytes, writes), interval.truth(&DiskStats::bytes_written));
  VERIFY_EQ(interval.exported(kRequests, reads), kReads);
  VERIFY_EQ(interval.exported(kRequests, reads), interval.truth(&DiskStats::reads));
  VERIFY_EQ(interval.exported(kBytes, reads), kReads * kBlock);
  VERIFY_EQ(interval.exported(kBytes, reads), interval.truth(&DiskStats::bytes_read));
  VERIFY_EQ(interval.exported(kLatencyCount, writes), kWrites);
  VERIFY_EQ(interval.exported(kLatencyCount, reads), kReads);
  VERIFY_EQ(interval.exported(kErrors, {{"device", device}}), 0);
}

TEST(Blockio, CountsTheRequestsOfARequestBasedDevice) {
  const MemoryFileSystem files(32 * kMiB);
  const LoopDevice busy(files.path(), 16 * kMiB);
  const MemoryFileSystem other_files(32 * kMiB);
  const LoopDevice idle(other_files.path(), 16 * kMiB);
  const ExporterProcess exporter({full_rules("blockio")});
  const Interval interval = provoke(exporter, busy);
  verify_counts(interval, busy.name());
  VERIFY_EQ(interval.exported(kRequests, {{"device", idle.name()}}), 0);
}

// More than the 128 that a loop device takes at once: the scheduler keeps the rest.
constexpr int kTogether = 240;

// /proc/diskstats sums up nanoseconds and shows milliseconds. It stops its clock after us, when the
// submitter has been woken, which is little beside the time that one request of many waits.
constexpr double kTimeTolerance = 0.05;
constexpr double kRounding = 0.002;

void verify_times(const Interval& interval, const Samples::Labels& labels, double requests,
                  double seconds) {
  const double latency = interval.exported(kLatencySum, labels);
  const double queue = interval.exported(kQueueSum, labels);
  const double service = interval.exported(kServiceSum, labels);
  VERIFY_EQ(requests, kTogether);
  VERIFY_EQ(interval.exported(kLatencyCount, labels), requests);
  VERIFY_EQ(interval.exported(kQueueCount, labels), requests);
  VERIFY_EQ(interval.exported(kServiceCount, labels), requests);
  VERIFY_NEAR(queue + service, latency, 1e-9 * requests);
  VERIFY_NEAR(latency, seconds, kTimeTolerance * seconds + kRounding);
  VERIFY_GT(queue, 0);
  VERIFY_GT(service, 0);
}

TEST(Blockio, DividesTheTimeOfARequestIntoQueueAndService) {
  const MemoryFileSystem files(32 * kMiB);
  const LoopDevice device(files.path(), 16 * kMiB);
  const Scheduler scheduler(device.name(), "mq-deadline");
  const ExporterProcess exporter({full_rules("blockio")});
  DirectIo disk(device.name(), kBlock);
  Interval interval;
  interval.truth_before = disk_stats(device.name());
  interval.before = exporter.scrape();
  VERIFY_EQ(disk.write_together(kTogether), 0);
  VERIFY_EQ(disk.read_together(kTogether), 0);
  interval.after = exporter.scrape();
  interval.truth_after = disk_stats(device.name());
  verify_times(interval, io(device.name(), "write"), interval.truth(&DiskStats::writes),
               interval.truth(&DiskStats::write_seconds));
  verify_times(interval, io(device.name(), "read"), interval.truth(&DiskStats::reads),
               interval.truth(&DiskStats::read_seconds));
}

TEST(Blockio, CountsTheBiosOfABioBasedDevice) {
  const ZramDevice device(16 * kMiB, 0);
  const ExporterProcess exporter({full_rules("blockio")});
  const Interval interval = provoke(exporter, device);
  verify_counts(interval, device.name());
  VERIFY_GT(interval.exported(kLatencySum, io(device.name(), "write")), 0);
  VERIFY_GT(interval.exported(kLatencySum, io(device.name(), "read")), 0);
  // A bio waits in no queue.
  VERIFY_EQ(interval.after.sum(kQueueCount, {{"device", device.name()}}), 0);
}

// The status is named after the errno that the writer gets.
std::string status_of(int error_number) {
  switch (error_number) {
    case EIO:
      return "io";
    case ENOSPC:
      return "no_space";
    default:
      return "errno " + std::to_string(error_number);
  }
}

constexpr int kGoodWrites = 7;
constexpr int kBadWrites = 20;

// Counts of the failures of one device, of which nothing else is asked.
void verify_failures(const ExporterProcess& exporter, const std::string& device,
                     const Failures& failures) {
  Samples::Labels failed = io(device, "write");
  failed["status"] = status_of(failures.error_number);
  const Samples samples = exporter.scrape_until(
      [&](const Samples& now) { return now.sum(kErrors, failed) >= failures.count; });
  VERIFY_EQ(samples.sum(kErrors, failed), failures.count);
  VERIFY_EQ(samples.sum(kErrors, {{"device", device}}), failures.count);
}

// A loop device passes on the error of a full file system: as ENOSPC or as EIO, by the kernel.
TEST(Blockio, CountsTheErrorsOfARequestBasedDevice) {
  MemoryFileSystem files(kMiB);
  const LoopDevice device(files.path(), 8 * kMiB);
  const ExporterProcess exporter({full_rules("blockio")});
  DirectIo disk(device.name(), kPage);
  VERIFY_EQ(write_blocks(disk, 0, kGoodWrites).count, 0);
  VERIFY_EQ(exporter.scrape().sum(kErrors, {{"device", device.name()}}), 0);
  files.fill();
  const Failures failures = write_blocks(disk, 1000, kBadWrites);
  VERIFY_EQ(failures.count, kBadWrites);
  VERIFY_TRUE(failures.error_number == EIO || failures.error_number == ENOSPC);
  verify_failures(exporter, device.name(), failures);
  const Samples::Labels writes = io(device.name(), "write");
  VERIFY_EQ(exporter.scrape().sum(kBytes, writes), kGoodWrites * kPage);
  VERIFY_EQ(exporter.scrape().sum(kRequests, writes), kGoodWrites + kBadWrites);
}

// A zram disk whose memory is used up fails with EIO everywhere.
TEST(Blockio, CountsTheErrorsOfABioBasedDevice) {
  const ZramDevice device(16 * kMiB, kMiB);
  const ExporterProcess exporter({default_rules("blockio")});
  DirectIo disk(device.name(), kPage);
  VERIFY_EQ(write_blocks(disk, 0, kGoodWrites).count, 0);
  VERIFY_EQ(exporter.scrape().sum(kErrors, {{"device", device.name()}}), 0);
  int block = kGoodWrites;
  while (disk.write(block) == 0) ++block;
  const Failures more = write_blocks(disk, block + 1, kBadWrites - 1);
  VERIFY_EQ(more.count, kBadWrites - 1);
  VERIFY_EQ(more.error_number, EIO);
  verify_failures(exporter, device.name(), {kBadWrites, more.error_number});
  VERIFY_EQ(exporter.scrape().sum(kBytes, io(device.name(), "write")), block * kPage);
}

// More than twice the keys that the map has without them, and than the series of one metric once
// had.
constexpr int kManyDisks = 140;

// One to three writes and a read of every disk.
void use(const std::vector<std::string>& disks) {
  int writes = 0;
  for (const std::string& name : disks) {
    DirectIo disk(name, kPage);
    VERIFY_EQ(write_blocks(disk, 0, 1 + writes++ % 3).count, 0);
    VERIFY_EQ(read_blocks(disk, 0, 1).count, 0);
  }
}

struct Totals {
  double requests = 0, bytes = 0;
};

Totals operator-(const Totals& after, const Totals& before) {
  return {after.requests - before.requests, after.bytes - before.bytes};
}

Totals truth_of(const std::vector<std::string>& disks) {
  Totals totals;
  for (const std::string& name : disks) {
    const DiskStats stats = disk_stats(name);
    totals.requests += static_cast<double>(stats.reads + stats.writes);
    totals.bytes += static_cast<double>(stats.bytes_read + stats.bytes_written);
  }
  return totals;
}

Totals exported_of(const Samples& samples, const std::vector<std::string>& disks) {
  Totals totals;
  for (const std::string& name : disks) {
    totals.requests += samples.sum(kLatencyCount, {{"device", name}});
    totals.bytes += samples.sum(kBytes, {{"device", name}});
  }
  return totals;
}

TEST(Blockio, CountsEveryOneOfManyDisks) {
  const LoopDevices disks(kManyDisks);
  const ExporterProcess exporter({default_rules("blockio")});
  const Totals before = truth_of(disks.names());
  use(disks.names());
  const Totals truth = truth_of(disks.names()) - before;
  VERIFY_GE(truth.requests, 2 * kManyDisks);
  const Samples samples = exporter.scrape_until([&](const Samples& now) {
    return exported_of(now, disks.names()).requests >= truth.requests;
  });
  const Totals exported = exported_of(samples, disks.names());
  VERIFY_EQ(exported.requests, truth.requests);
  VERIFY_EQ(exported.bytes, truth.bytes);
  for (const std::string& name : disks.names()) {
    VERIFY_GT(samples.sum(kLatencyCount, io(name, "write")), 0) << name;
    VERIFY_GT(samples.sum(kLatencyCount, io(name, "read")), 0) << name;
  }
  VERIFY_EQ(samples.count(kBytes, {{"device", "other"}}), 0u);
  VERIFY_EQ(samples.sum(kLost, {{"probe", "blockio"}, {"reason", "map_full"}}), 0);
}

// Disks that came when the size of the map was settled.
TEST(Blockio, CountsWhatItsMapHasNoRoomFor) {
  const ExporterProcess exporter({default_rules("blockio")});
  const LoopDevices disks(kManyDisks);
  const Samples::Labels full = {{"probe", "blockio"}, {"reason", "map_full"}};
  const Totals before = truth_of(disks.names());
  const double lost_before = exporter.scrape().sum(kLost, full);
  const uint64_t others_before = requests_but_of_loop_devices();
  use(disks.names());
  const Totals truth = truth_of(disks.names()) - before;
  const auto seen = [&](const Samples& now) {
    return exported_of(now, disks.names()).requests + now.sum(kLost, full) - lost_before;
  };
  const Samples samples =
      exporter.scrape_until([&](const Samples& now) { return seen(now) >= truth.requests; });
  const auto others = static_cast<double>(requests_but_of_loop_devices() - others_before);
  VERIFY_EQ(lost_before, 0);
  VERIFY_GE(samples.sum(kLost, full), kManyDisks / 2);
  VERIFY_LT(exported_of(samples, disks.names()).requests, truth.requests);
  VERIFY_GE(seen(samples), truth.requests);
  VERIFY_LE(seen(samples), truth.requests + others);
}

TEST(Blockio, LosesNothing) {
  const MemoryFileSystem files(32 * kMiB);
  const LoopDevice device(files.path(), 16 * kMiB);
  const ExporterProcess exporter({full_rules("blockio")});
  const Interval interval = provoke(exporter, device);
  VERIFY_EQ(interval.exported(kLost, {{"probe", "blockio"}, {"reason", "map_full"}}), 0);
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
// Disks that are made of others, each told by the kernel's own counts of the disk that was
// addressed. Where the kernel has them: the guests.
#include "stacked_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <filesystem>
#include <map>

#include "block_device.h"
#include "bound_update.h"
#include "exporter_process.h"
#include "text.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

constexpr char kRequests[] = "kernel_blockio_requests_total";
constexpr char kBytes[] = "kernel_blockio_bytes_total";
constexpr char kErrors[] = "kernel_blockio_errors_total";
constexpr char kLatencyCount[] = "kernel_blockio_latency_seconds_count";
constexpr char kLost[] = "kernel_exporter_probe_lost_events_total";

constexpr size_t kMiB = 1 << 20;
constexpr int kBlocks = 5;

// Loop devices, to lie below.
class Below {
 public:
  explicit Below(int count) : files_(64 * kMiB) {
    for (int i = 0; i < count; ++i) {
      const std::string folder = files_.path() + "/" + std::to_string(i);
      std::filesystem::create_directory(folder);
      names_.push_back(devices_.emplace_back(folder, 16 * kMiB).name());
    }
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  MemoryFileSystem files_;
  std::deque<LoopDevice> devices_;
  std::vector<std::string> names_;
};

struct Counts {
  Samples samples;
  std::map<std::string, DiskStats> truth;
};

Counts count(const Samples& samples, const std::vector<std::string>& disks) {
  Counts counts{samples, {}};
  for (const std::string& disk : disks) counts.truth[disk] = disk_stats(disk);
  return counts;
}

// Writes and reads of a MiB, which every level splits.
void use(const std::string& disk) {
  DirectIo io(disk, kMiB);
  for (int i = 0; i < kBlocks; ++i) VERIFY_EQ(io.write(i), 0);
  for (int i = 0; i < kBlocks; ++i) VERIFY_EQ(io.read(i), 0);
}

double grown(const Counts& before, const Counts& after, const std::string& name,
             const Samples::Labels& labels) {
  return after.samples.sum(name, labels) - before.samples.sum(name, labels);
}

void verify_below(const Counts& before, const Counts& after, const std::string& disk) {
  const Samples::Labels writes = {{"device", disk}, {"operation", "write"}};
  const Samples::Labels reads = {{"device", disk}, {"operation", "read"}};
  const DiskStats& first = before.truth.at(disk);
  const DiskStats& last = after.truth.at(disk);
  VERIFY_EQ(grown(before, after, kBytes, writes), last.bytes_written - first.bytes_written) << disk;
  VERIFY_EQ(grown(before, after, kBytes, reads), last.bytes_read - first.bytes_read) << disk;
  VERIFY_EQ(grown(before, after, kRequests, writes), last.writes - first.writes) << disk;
  VERIFY_EQ(grown(before, after, kRequests, reads), last.reads - first.reads) << disk;
}

// What the kernel itself reads of a disk when it opens it.
constexpr double kOpening = 64 << 10;

// md of 5.10 counts what raid5 reads eight times over, and tells nobody when a part ends that raid1
// and raid5 split off: then we count what was asked for.
void verify_array(const Counts& before, const Counts& after, const std::string& disk, bool parts) {
  const Samples::Labels writes = {{"device", disk}, {"operation", "write"}};
  const Samples::Labels reads = {{"device", disk}, {"operation", "read"}};
  const double requests = grown(before, after, kRequests, writes);
  const uint64_t truth = after.truth.at(disk).writes - before.truth.at(disk).writes;
  VERIFY_EQ(grown(before, after, kBytes, writes), kBlocks * kMiB);
  VERIFY_GE(grown(before, after, kBytes, reads), kBlocks * kMiB);
  VERIFY_LE(grown(before, after, kBytes, reads), kBlocks * kMiB + kOpening);
  VERIFY_EQ(requests, grown(before, after, kLatencyCount, writes));
  VERIFY_GE(requests, kBlocks);
  if (parts) {
    VERIFY_EQ(requests, truth);
  }
  VERIFY_LE(requests, truth);
}

class Stacked : public testing::TestWithParam<const char*> {};
class PassedOn : public testing::TestWithParam<const char*> {};  // what redundancy would hide

TEST_P(Stacked, CountsEachByteOnceOfEachDisk) {
  NEEDS(has_md(GetParam()), "md " + std::string(GetParam()));
  const Below below(3);
  const MdArray array(GetParam(), below.names());
  std::vector<std::string> disks = below.names();
  disks.push_back(array.name());
  const ExporterProcess exporter({full_rules("blockio")});
  const Counts before = count(exporter.scrape(), disks);
  use(array.name());
  const Samples::Labels of_array = {{"device", array.name()}};
  const double wanted = before.samples.sum(kBytes, of_array) + 2.0 * kBlocks * kMiB;
  const auto seen = [&](const Samples& now) { return now.sum(kBytes, of_array) >= wanted; };
  const Counts after = count(exporter.scrape_until(seen), disks);
  for (const std::string& disk : below.names()) verify_below(before, after, disk);
  const std::string level = GetParam();
  verify_array(before, after, array.name(), level == "raid0" || level == "linear");
  for (const std::string& disk : disks) {
    VERIFY_EQ(grown(before, after, kErrors, {{"device", disk}}), 0) << disk;
  }
  VERIFY_EQ(after.samples.sum(kLost, {{"probe", "blockio"}}), 0);
}

// The disk that tests/guest/run_kernel_tests attaches by two paths, which are hidden disks: nvme0n1
// of nvme0c0n1, or of the other controller if that came first. "": there is none.
std::string disk_with_two_paths() {
  for (const auto& disk : std::filesystem::directory_iterator("/sys/block")) {
    const std::string path = disk.path().filename();
    if (!path.starts_with("nvme") || path.find('c') == std::string::npos) continue;
    return path.substr(0, path.find('c')) + path.substr(path.rfind('n'));
  }
  return "";
}

TEST(NvmeMultipath, CountsTheDiskAndNotItsPaths) {
  const std::string name = disk_with_two_paths();
  NEEDS(!name.empty(), "nvme with two paths");
  const ExporterProcess exporter({full_rules("blockio")});
  const Samples::Labels of_disk = {{"device", name}};
  const Samples before = exporter.scrape();
  use(name);
  const double wanted = before.sum(kBytes, of_disk) + 2.0 * kBlocks * kMiB;
  const Samples after =
      exporter.scrape_until([&](const Samples& now) { return now.sum(kBytes, of_disk) >= wanted; });
  VERIFY_EQ(after.sum(kBytes, of_disk), wanted);
  VERIFY_EQ(after.sum(kLatencyCount, of_disk), after.sum(kRequests, of_disk));
  VERIFY_EQ(after.sum(kErrors, of_disk), 0);
  VERIFY_EQ(after.sum(kLost, {{"probe", "blockio"}}), 0);
  for (const std::string& device : after.label_values(kBytes, "device")) {
    VERIFY_EQ(device.find(':'), std::string::npos) << device;
  }
}

constexpr char kMapping[] = "kernel_tests_stacked";
constexpr size_t kPage = 4096;
constexpr int kPages = 12;
constexpr int kBadPage = 8;
constexpr int64_t kSectorsOfPage = kPage / 512;

// The array lies on a mapped device that fails, and that on a loop device: three disks for a page.
TEST_P(PassedOn, CountsAnErrorOnceOfEachDiskThatHasIt) {
  const std::string level = GetParam();
  NEEDS(has_md(level), "md " + level);
  const Below below(2);
  const MappedDevice mapped(kMapping, below.names()[0], kBadPage * kSectorsOfPage, kSectorsOfPage);
  const MdArray array(level, {mapped.name(), below.names()[1]});
  const ExporterProcess exporter({full_rules("blockio")});
  DirectIo io(array.name(), kPage);
  for (int i = 0; i < kPages; ++i) VERIFY_EQ(io.write(i) != 0, i == kBadPage) << i;
  const auto writes_of = [](const std::string& disk) {
    return Samples::Labels{{"device", disk}, {"operation", "write"}};
  };
  const Samples samples = exporter.scrape_until(
      [&](const Samples& now) { return now.sum(kRequests, writes_of(array.name())) >= kPages; });
  for (const std::string& disk : {array.name(), mapped.name()}) {
    VERIFY_EQ(samples.sum(kRequests, writes_of(disk)), kPages) << disk;
    VERIFY_EQ(samples.sum(kLatencyCount, writes_of(disk)), kPages) << disk;
    VERIFY_EQ(samples.sum(kBytes, writes_of(disk)), (kPages - 1) * kPage) << disk;
    VERIFY_EQ(samples.sum(kErrors, writes_of(disk)), 1) << disk;
  }
  VERIFY_EQ(samples.sum(kBytes, writes_of(below.names()[0])), (kPages - 1) * kPage);
  VERIFY_EQ(samples.sum(kErrors, {{"device", below.names()[0]}}), 0);
  VERIFY_EQ(samples.sum(kLost, {{"probe", "blockio"}}), 0);
}

// Pages from the start of a device. System calls only.
void write_pages(const char* path) {
  alignas(kPage) static std::array<char, kPage> page;
  const int file = ::open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
  if (file < 0) ::_exit(1);
  for (int i = 0; i < kPages; ++i) {
    const bool written = ::write(file, page.data(), page.size()) == static_cast<ssize_t>(kPage);
    if (written == (i == kBadPage)) ::_exit(2);
    if (!written && ::lseek(file, kPage, SEEK_CUR) < 0) ::_exit(3);
  }
}

TEST_P(PassedOn, IsTheTargetOfAnUpdate) {
  const std::string level = GetParam();
  NEEDS(has_md(level), "md " + level);
  BoundUpdate update(kMapping);
  const Below below(1);
  const MappedDevice mapped(kMapping, below.names()[0], kBadPage * kSectorsOfPage, kSectorsOfPage);
  const MdArray array(level, {mapped.name(), update.device()});
  update.begin(array.name());
  const std::string path = "/dev/" + array.name();
  VERIFY_EQ(update.inside([path = path.c_str()] { write_pages(path); }).wait(), 0);
  const Samples::Labels of_array = {{"device", array.name()}};
  const Samples samples = update.exporter().scrape_until(
      [&](const Samples& now) { return now.sum("ota_io_errors_total", of_array) > 0; });
  VERIFY_EQ(samples.sum("ota_written_bytes_total", of_array), kPages * kPage);
  VERIFY_EQ(samples.sum("ota_written_bytes_total"), kPages * kPage);
  VERIFY_EQ(samples.sum("ota_write_latency_seconds_count"), kPages);
  VERIFY_EQ(samples.sum("ota_io_errors_total", of_array), 1);
  VERIFY_EQ(samples.sum("ota_io_errors_total"), 1);
  VERIFY_EQ(update.fail(), "io_error");
  VERIFY_EQ(update.exporter().scrape().sum("ota_last_failure_offset_bytes"), kBadPage * kPage);
}

INSTANTIATE_TEST_SUITE_P(Md, Stacked, testing::Values("raid0", "raid1", "raid5", "linear"));
INSTANTIATE_TEST_SUITE_P(Md, PassedOn, testing::Values("raid0", "linear"));

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
// Devices that lie on another one, where the kernel has device-mapper: the guests.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <random>

#include "block_device.h"
#include "bound_update.h"
#include "text.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

constexpr char kRequests[] = "kernel_blockio_requests_total";
constexpr char kBytes[] = "kernel_blockio_bytes_total";
constexpr char kWritten[] = "ota_written_bytes_total";
constexpr char kErrors[] = "ota_io_errors_total";
constexpr char kOffset[] = "ota_last_failure_offset_bytes";
constexpr char kMapping[] = "kernel_tests_mapper";

constexpr size_t kMiB = 1 << 20;
constexpr size_t kBlock = 16 << 10;  // one bio on every kernel
constexpr int kWrites = 40;
constexpr int kReads = 30;
constexpr int64_t kSectorSize = 512;
constexpr int64_t kBlockSectors = kBlock / kSectorSize;

// A sector inside one of the first blocks, not its first: a bio of that block is split there.
int64_t random_seam(int blocks) {
  std::random_device random;
  const int64_t block = std::uniform_int_distribution<int64_t>(1, blocks - 1)(random);
  return block * kBlockSectors +
         std::uniform_int_distribution<int64_t>(1, kBlockSectors - 2)(random);
}

// As many blocks from the start of a device, past the page cache or through it. System calls only.
void write_blocks(const char* path, int flags, int blocks) {
  alignas(4096) static std::array<char, kBlock> block;
  const int file = ::open(path, O_WRONLY | O_CLOEXEC | flags);
  if (file < 0) ::_exit(1);
  for (int i = 0; i < blocks; ++i) {
    if (::write(file, block.data(), block.size()) != static_cast<ssize_t>(kBlock)) ::_exit(2);
  }
  if (::fsync(file) != 0) ::_exit(3);
}

TEST(Mapper, IsThereOrIsNot) {
  VERIFY_EQ(has_device_mapper(),
            read_text("/proc/misc").find("device-mapper") != std::string::npos);
}

TEST(Mapper, CountsADeviceAndTheOneBelowItEachForItself) {
  NEEDS(has_device_mapper(), "device-mapper");
  const MemoryFileSystem files(32 * kMiB);
  const LoopDevice below(files.path(), 16 * kMiB);
  const MappedDevice device(kMapping, below.name(), random_seam(kReads));
  const ExporterProcess exporter({full_rules("blockio")});
  DirectIo disk(device.name(), kBlock);
  const DiskStats before = disk_stats(device.name()), below_before = disk_stats(below.name());
  const Samples first = exporter.scrape();
  for (int i = 0; i < kWrites; ++i) REQUIRE_EQ(disk.write(i), 0);
  for (int i = 0; i < kReads; ++i) REQUIRE_EQ(disk.read(i), 0);
  const Samples::Labels reads = {{"device", device.name()}, {"operation", "read"}};
  const double wanted = first.sum(kRequests, reads) + kReads;
  const Samples last = exporter.scrape_until(
      [&](const Samples& samples) { return samples.sum(kRequests, reads) >= wanted; });
  const DiskStats after = disk_stats(device.name()), below_after = disk_stats(below.name());
  const auto counted = [&](const char* name, const std::string& of, const char* operation) {
    const Samples::Labels labels = {{"device", of}, {"operation", operation}};
    return last.sum(name, labels) - first.sum(name, labels);
  };
  VERIFY_EQ(counted(kRequests, device.name(), "write"), kWrites);
  VERIFY_EQ(counted(kRequests, device.name(), "read"), kReads);
  // The kernel counts the two parts of the bio across the seam, we what was asked for.
  VERIFY_EQ(after.writes - before.writes, kWrites + 1U);
  VERIFY_EQ(counted(kBytes, device.name(), "write"), after.bytes_written - before.bytes_written);
  VERIFY_EQ(counted(kBytes, device.name(), "read"), after.bytes_read - before.bytes_read);
  VERIFY_EQ(counted(kBytes, below.name(), "write"),
            below_after.bytes_written - below_before.bytes_written);
  VERIFY_EQ(counted(kBytes, below.name(), "write"), kWrites * kBlock);
  VERIFY_EQ(counted(kBytes, below.name(), "read"), kReads * kBlock);
}

TEST(Mapper, CountsAnUpdatesBytesOnceOnTheDeviceThatIsBound) {
  NEEDS(has_device_mapper(), "device-mapper");
  BoundUpdate update(kMapping);
  const MappedDevice device(kMapping, update.device(), random_seam(25));
  const std::string path = "/dev/" + device.name();
  update.begin(device.name());
  const uint64_t before = disk_stats(device.name()).bytes_written;
  const auto write = [&](int flags, int blocks) {
    return [path = path.c_str(), flags, blocks] { write_blocks(path, flags, blocks); };
  };
  VERIFY_EQ(update.inside(write(O_DIRECT, 40)).wait(), 0);
  VERIFY_EQ(update.inside(write(0, 60)).wait(), 0);
  VERIFY_EQ(ChildProcess(write(O_DIRECT, 25)).wait(), 0);  // of nobody
  const uint64_t written = disk_stats(device.name()).bytes_written - before;
  const auto of = [&](const Samples& samples, const std::string& name) {
    return samples.sum(kWritten, {{"device", name}});
  };
  const Samples samples = update.exporter().scrape_until(
      [&](const Samples& now) { return of(now, device.name()) >= static_cast<double>(written); });
  VERIFY_EQ(written, (40 + 60 + 25) * kBlock);
  VERIFY_EQ(of(samples, device.name()), written);
  const Samples::Labels slot = {{"device", device.name()}, {"role", "slot"}};
  const auto by = [&](const char* step) {
    Samples::Labels labels = slot;
    labels["attribution"] = step;
    return samples.sum(kWritten, labels);
  };
  VERIFY_EQ(by("task"), 40 * kBlock);
  VERIFY_EQ(by("inode"), 60 * kBlock);
  VERIFY_EQ(of(samples, update.device()), 0);
}

TEST(Mapper, NamesTheOffsetAtWhichAMappedDeviceFailed) {
  NEEDS(has_device_mapper(), "device-mapper");
  BoundUpdate update(kMapping);
  const int64_t bad = random_seam(300);
  const MappedDevice device(kMapping, update.device(), bad, 1);
  update.begin(device.name());
  const std::string path = "/dev/" + device.name();
  VERIFY_EQ(update.inside([path = path.c_str()] { write_blocks(path, O_DIRECT, 300); }).wait(), 2);
  const Samples samples = update.exporter().scrape_until([&](const Samples& now) {
    return now.sum(kErrors, {{"device", device.name()}}) > 0;
  });
  VERIFY_EQ(samples.sum(kErrors, {{"device", device.name()}, {"status", "io"}}), 1);
  VERIFY_EQ(samples.sum(kErrors), 1);
  VERIFY_EQ(update.fail(), "io_error");
  const int64_t request = bad / kBlockSectors * kBlockSectors;
  VERIFY_EQ(update.exporter().scrape().sum(kOffset), static_cast<double>(request * kSectorSize))
      << "bad sector " << bad;
  VERIFY_NE(update.history().find("\"" + device.name() + "\""), std::string::npos)
      << update.history();
}

}  // namespace
}  // namespace kernel_exporter

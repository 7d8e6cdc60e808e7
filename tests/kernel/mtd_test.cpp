// SPDX-License-Identifier: Apache-2.0
// Flash, where the kernel can simulate it: the guests. The host's own kernel is asked why not.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "cgroup_directory.h"
#include "child_process.h"
#include "exporter_process.h"
#include "flash.h"
#include "text.h"
#include "ubi.h"
#include "update.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

constexpr char kWritten[] = "ota_written_bytes_total";
constexpr char kWrites[] = "ota_mtd_writes_total";
constexpr char kLatencyCount[] = "ota_write_latency_seconds_count";
constexpr char kErrors[] = "ota_io_errors_total";
constexpr char kEccFailures[] = "ota_mtd_ecc_failures_total";
constexpr char kCorrected[] = "ota_mtd_ecc_corrected_bits_total";
constexpr char kBadBlocks[] = "ota_mtd_bad_blocks";
constexpr char kOffset[] = "ota_last_failure_offset_bytes";
constexpr char kFailures[] = "ota_failures_total";
constexpr char kLost[] = "kernel_exporter_probe_lost_events_total";

constexpr size_t kOwnWrites = 24;
constexpr size_t kOwnSize = 2048;
constexpr size_t kOthersSize = SimulatedFlash::kBlock;
constexpr uint64_t kOthersPlace = 128 << 10;
constexpr uint64_t kPage = SimulatedFlash::kPage;

// One exporter for all tests: an emulated machine takes long to start it.
class Mtd : public testing::Test {
 protected:
  struct Machine {
    SimulatedFlash flash;
    CgroupDirectory cgroup{"/kernel_exporter_mtd"};
    Update update;
    ExporterProcess exporter{{full_rules("otawrite"), full_rules("mtd")}, update.options()};
  };

  static void SetUpTestSuite() {
    if (has_module("nandsim")) machine_.emplace();
  }
  static void TearDownTestSuite() { machine_.reset(); }

  // Several processes, so that each is in its cgroup from its first call on.
  template <typename Work>
  static int in_cgroup(const Work& work) {
    const std::string file = machine_->cgroup.processes_file();
    ChildProcess child([&] {
      const int fd = ::open(file.c_str(), O_WRONLY);
      if (fd < 0 || ::write(fd, "0", 1) != 1) ::_exit(1);
      ::_exit(work() ? 0 : 2);
    });
    return child.wait();
  }

  static void begin(const std::string& id) {
    begin(id, "/dev/" + machine_->flash.target() + "=slot");
  }
  static void begin(const std::string& id, const std::string& device) {
    machine_->update.tell({"begin", "--id", id, "--engine", "custom", "--device", device,
                           "--cgroup", machine_->cgroup.path()});
  }

  static Samples::Labels on_target(Samples::Labels more = {}) {
    more.insert({{"device", machine_->flash.target()}, {"role", "slot"}});
    return more;
  }

  static std::optional<Machine> machine_;
};

std::optional<Mtd::Machine> Mtd::machine_;

// The mechanisms of the probe's programs in that state, in the order of the object.
std::vector<std::string> mechanisms(const std::string& state) {
  std::vector<std::string> found;
  const std::string listing =
      run_program({KERNEL_EXPORTER_BINARY, "probes", "--rules", default_rules("mtd")});
  for (const std::string& line : lines(listing)) {
    const std::vector<std::string> fields = words(line);
    if (fields.size() > 4 && fields[0] == "mtd" && fields[4] == state) found.push_back(fields[2]);
  }
  return found;
}

TEST_F(Mtd, RunsByTheMechanismThatTheKernelHas) {
  using Names = std::vector<std::string>;
  if (!machine_) {
    VERIFY_EQ(mechanisms("attached"), Names{});
    VERIFY_EQ(mechanisms("unsupported").size(), 12);
    return;
  }
  const bool has_types = ::access("/sys/kernel/btf/mtd", F_OK) == 0;
  const Names pair = has_types ? Names{"fentry", "fexit"} : Names{"kprobe", "kretprobe"};
  VERIFY_EQ(mechanisms("attached"), (Names{pair[0], pair[1], pair[0], pair[1], pair[0], pair[1]}));
}

TEST_F(Mtd, TellsAnUpdatesBytesFromOthers) {
  NEEDS(machine_, "module nandsim");
  const FlashFile target(machine_->flash.target()), other(machine_->flash.other());
  VERIFY_EQ(target.write(0, kOwnSize), 0);  // nothing is bound yet
  begin("bytes");
  VERIFY_EQ(in_cgroup([&] {
              bool good = true;
              for (size_t i = 1; i <= kOwnWrites; ++i)
                good &= target.write(i * kOwnSize, kOwnSize) == 0;
              return good;
            }),
            0);
  VERIFY_EQ(target.write(kOthersPlace, kOthersSize), 0);
  VERIFY_EQ(other.write(0, kOthersSize), 0);
  const Samples samples = machine_->exporter.scrape();
  VERIFY_EQ(samples.sum(kWritten, on_target({{"attribution", "task"}})), kOwnWrites * kOwnSize);
  VERIFY_EQ(samples.sum(kWritten, on_target({{"attribution", "nobody"}})), kOthersSize);
  VERIFY_EQ(samples.sum(kWritten), kOwnWrites * kOwnSize + kOthersSize);
  VERIFY_EQ(samples.sum(kWrites, on_target({{"attribution", "task"}})), kOwnWrites);
  VERIFY_EQ(samples.sum(kLatencyCount, on_target()), samples.sum(kWrites));
  VERIFY_EQ(samples.sum(kErrors), 0);
  VERIFY_EQ(samples.sum(kLost, {{"probe", "mtd"}}), 0);
  machine_->update.tell({"end", "failed"});
  VERIFY_EQ(machine_->exporter.scrape().sum(kFailures, {{"cause", "engine_error"}}), 1);
}

TEST_F(Mtd, NamesTheOffsetOfAFailedWrite) {
  NEEDS(machine_, "module nandsim");
  constexpr uint64_t kBefore = 3, kPages = 8;
  const FlashFile target(machine_->flash.target());
  const uint64_t weak = machine_->flash.weak_page();
  begin("write");
  const double before = machine_->exporter.scrape().sum(kWritten);
  VERIFY_EQ(in_cgroup([&] { return target.write(weak - kBefore * kPage, kPages * kPage) == EIO; }),
            0);
  const Samples samples =
      machine_->exporter.scrape_until([&](const Samples& now) { return now.count(kOffset) == 1; });
  VERIFY_EQ(samples.sum(kOffset), weak);
  VERIFY_EQ(samples.sum("ota_last_failure_info",
                        {{"cause", "io_error"}, {"device", machine_->flash.target()}}),
            1);
  VERIFY_EQ(samples.sum(kErrors, on_target({{"operation", "write"}, {"status", "io"}})), 1);
  VERIFY_EQ(samples.sum(kErrors), 1);
  VERIFY_EQ(samples.sum(kWritten) - before, kBefore * kPage);
  machine_->update.tell({"end", "failed"});
  VERIFY_EQ(machine_->exporter.scrape().sum(kFailures, {{"cause", "io_error"}}), 1);
}

TEST_F(Mtd, NamesTheBlockThatCannotBeErased) {
  NEEDS(machine_, "module nandsim");
  constexpr uint64_t kBefore = 2, kBlocks = 4;
  const FlashFile target(machine_->flash.target());
  const uint64_t weak = machine_->flash.weak_block(), block = SimulatedFlash::kBlock;
  const Samples before = machine_->exporter.scrape();
  VERIFY_EQ(target.erase(weak - kBefore * block, kBefore * block), 0);
  begin("erase");
  VERIFY_EQ(in_cgroup([&] { return target.erase(weak - kBefore * block, kBlocks * block) == EIO; }),
            0);
  const Samples samples =
      machine_->exporter.scrape_until([&](const Samples& now) { return now.sum(kOffset) == weak; });
  VERIFY_EQ(samples.sum(kOffset), weak);
  const Samples::Labels erased = on_target({{"operation", "erase"}, {"status", "io"}});
  VERIFY_EQ(samples.sum(kErrors, erased), 1);
  VERIFY_EQ(samples.sum(kErrors) - before.sum(kErrors), 1);
  VERIFY_EQ(samples.sum(kWritten), before.sum(kWritten));
  const double failures = samples.sum(kFailures, {{"cause", "io_error"}});
  machine_->update.tell({"end", "failed"});
  VERIFY_EQ(machine_->exporter.scrape().sum(kFailures, {{"cause", "io_error"}}), failures + 1);
}

TEST_F(Mtd, NamesTheOffsetOfAReadThatCannotBeCorrected) {
  NEEDS(machine_, "module nandsim");
  constexpr uint64_t kBefore = 3, kPages = 8;
  const FlashFile target(machine_->flash.target());
  const uint64_t grave = machine_->flash.grave_page(), first = grave - kBefore * kPage;
  begin("read");
  VERIFY_EQ(target.write(first, kPages * kPage), 0);
  VERIFY_EQ(target.counts().failed, 0u);
  VERIFY_EQ(machine_->exporter.scrape().sum(kEccFailures), 0);
  VERIFY_EQ(in_cgroup([&] {
              // The driver hands out what it has and says nothing.
              bool good = true;
              for (uint64_t i = 0; i < kPages; ++i)
                good &= target.read(first + i * kPage, kPage) == 0;
              return good;
            }),
            0);
  const Samples samples = machine_->exporter.scrape_until(
      [&](const Samples& now) { return now.sum(kOffset) == grave; });
  VERIFY_EQ(samples.sum(kOffset), grave);
  VERIFY_EQ(samples.sum("ota_last_failure_info",
                        {{"cause", "media_error"}, {"device", machine_->flash.target()}}),
            1);
  VERIFY_EQ(samples.sum(kErrors, on_target({{"operation", "read"}, {"status", "medium"}})), 1);
  VERIFY_GT(target.counts().failed, 0u);
  VERIFY_EQ(samples.sum(kEccFailures, {{"mtd", machine_->flash.target()}}), target.counts().failed);
  VERIFY_EQ(samples.sum(kEccFailures, {{"mtd", machine_->flash.other()}}), 0);
  machine_->update.tell({"end", "failed", "--cause", "verify_failed"});
  VERIFY_EQ(machine_->exporter.scrape().sum(kFailures, {{"cause", "media_error"}}), 1);
}

TEST_F(Mtd, CountsCorrectedBitsAndBadBlocksAsTheDriverDoes) {
  NEEDS(machine_, "module nandsim");
  constexpr int kMostReads = 200000;  // one read in a thousand flips a bit
  const FlashFile target(machine_->flash.target());
  const Samples::Labels here = {{"mtd", machine_->flash.target()}};
  VERIFY_EQ(target.write(kOthersPlace + kOthersSize, kOthersSize), 0);
  // Two pages in turn: the driver keeps the last one.
  for (int i = 0; i < kMostReads && target.counts().corrected == 0; ++i) {
    target.read(kOthersPlace + kOthersSize + i % 2 * kPage, kPage);
  }
  VERIFY_GT(target.counts().corrected, 0u);
  VERIFY_EQ(machine_->exporter.scrape().sum(kCorrected, here), target.counts().corrected);
  VERIFY_EQ(machine_->exporter.scrape().sum(kBadBlocks), 0);
  VERIFY_EQ(target.mark_bad(SimulatedFlash::kBytes - SimulatedFlash::kBlock), 0);
  VERIFY_EQ(target.counts().bad_blocks, 1u);
  VERIFY_EQ(machine_->exporter.scrape().sum(kBadBlocks, here), 1);
  VERIFY_EQ(machine_->exporter.scrape().sum(kBadBlocks), 1);
}

// UBI adds headers of its own and writes them before and between the data, so that of the sum only
// this is known: all of it is the update's or UBI's thread's, and the data is the update's.
TEST_F(Mtd, CountsAnUpdatesVolumeAsTheFlashUnderIt) {
  NEEDS(machine_, "module nandsim");
  constexpr size_t kData = 10 * SimulatedFlash::kBlock;
  // UBI refuses flash that holds something else, and all of it must be erased.
  VERIFY_EQ(FlashFile(machine_->flash.other()).erase(0, SimulatedFlash::kBytes), 0);
  const KernelModule driver("ubi");
  const UbiVolume volume(machine_->flash.other(), 2 * kData);
  const Samples::Labels flash = {{"device", machine_->flash.other()}, {"role", "data"}};
  begin("volume", volume.path() + "=data");
  const Samples before = machine_->exporter.scrape();
  VERIFY_EQ(before.count(kWritten, flash), 0u);
  VERIFY_EQ(in_cgroup([&] { return volume.update(kData); }), 0);
  const Samples samples = machine_->exporter.scrape();
  const auto by = [&](const std::string& step) {
    Samples::Labels labels = flash;
    labels["attribution"] = step;
    return samples.sum(kWritten, labels);
  };
  VERIFY_GE(by("task"), kData);
  VERIFY_EQ(by("nobody"), 0);
  VERIFY_EQ(samples.sum(kWritten) - before.sum(kWritten), by("task") + by("device"));
  VERIFY_EQ(samples.sum(kErrors), before.sum(kErrors));
  machine_->update.tell({"end", "failed"});
}

}  // namespace
}  // namespace kernel_exporter

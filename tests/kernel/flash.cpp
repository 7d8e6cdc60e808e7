// SPDX-License-Identifier: Apache-2.0
#include "flash.h"

#include <fcntl.h>
#include <mtd/mtd-user.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "text.h"

namespace kernel_exporter {
namespace {

constexpr uint64_t kLargest = 64 << 10;

// Enough for every test to have its own part; from the second half on, the failing pages.
constexpr uint64_t kWeakFrom = 512 << 10;
constexpr uint64_t kGraveFrom = 768 << 10;
constexpr uint64_t kPages = 256;  // that one of them may be
constexpr uint64_t kWeakBlocks = 672 << 10;
constexpr uint64_t kBlocks = 5;

uint64_t random_below(uint64_t limit) {
  uint64_t random = 0;
  checked(static_cast<int>(::getrandom(&random, sizeof random, 0)), "getrandom");
  return random % limit;
}

uint64_t random_page(uint64_t from) {
  return from + (32 + random_below(kPages)) * SimulatedFlash::kPage;
}

// N of "mtdN" by the name of the device.
uint32_t device_named(const std::string& name) {
  for (const std::string& line : lines(read_text("/proc/mtd"))) {
    if (line.find("\"" + name + "\"") == std::string::npos) continue;
    return static_cast<uint32_t>(std::stoul(line.substr(3)));
  }
  give_up_plainly("no flash device \"" + name + "\" in /proc/mtd");
}

// By its number on the chip, of which the target is the second part. `:0`: from the first try on.
std::string number_on_chip(uint64_t offset, uint64_t unit) {
  return std::to_string((SimulatedFlash::kBytes + offset) / unit) + ":0";
}

}  // namespace

SimulatedFlash::SimulatedFlash()
    : SimulatedFlash(random_page(kWeakFrom), random_page(kGraveFrom),
                     kWeakBlocks + random_below(kBlocks) * kBlock) {}

SimulatedFlash::SimulatedFlash(uint64_t weak_page, uint64_t grave_page, uint64_t weak_block)
    : weak_page_(weak_page),
      grave_page_(grave_page),
      weak_block_(weak_block),
      module_("nandsim", {"id_bytes=0x20,0x75", "parts=64,64", "bitflips=1",
                          "weakpages=" + number_on_chip(weak_page, kPage),
                          "gravepages=" + number_on_chip(grave_page, kPage),
                          "weakblocks=" + number_on_chip(weak_block, kBlock)}),
      other_(device_named("NAND simulator partition 0")),
      target_(device_named("NAND simulator partition 1")) {}

FlashFile::FlashFile(const std::string& name)
    : file_(checked(::open(("/dev/" + name).c_str(), O_RDWR | O_CLOEXEC), "/dev/" + name)) {}

int FlashFile::write(uint64_t offset, size_t bytes) const {
  static const std::array<char, kLargest> data = {};
  return ::pwrite(file_.get(), data.data(), bytes, static_cast<off_t>(offset)) < 0 ? errno : 0;
}

int FlashFile::read(uint64_t offset, size_t bytes) const {
  std::array<char, kLargest> data;
  return ::pread(file_.get(), data.data(), bytes, static_cast<off_t>(offset)) < 0 ? errno : 0;
}

int FlashFile::erase(uint64_t offset, size_t bytes) const {
  erase_info_user part = {static_cast<uint32_t>(offset), static_cast<uint32_t>(bytes)};
  return ::ioctl(file_.get(), MEMERASE, &part) < 0 ? errno : 0;
}

int FlashFile::mark_bad(uint64_t offset) const {
  auto place = static_cast<loff_t>(offset);
  return ::ioctl(file_.get(), MEMSETBADBLOCK, &place) < 0 ? errno : 0;
}

FlashFile::Counts FlashFile::counts() const {
  mtd_ecc_stats stats = {};
  checked(::ioctl(file_.get(), ECCGETSTATS, &stats), "ECCGETSTATS");
  return {stats.corrected, stats.failed, stats.badblocks};
}

}  // namespace kernel_exporter

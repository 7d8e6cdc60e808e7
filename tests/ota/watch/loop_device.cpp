// SPDX-License-Identifier: Apache-2.0
#include "loop_device.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/blkpg.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace kernel_exporter {

Mount::Mount(const std::string& source, const std::string& target, const std::string& type,
             const std::string& options)
    : target_(target) {
  std::filesystem::create_directories(target);
  EXPECT_EQ(::mount(source.c_str(), target.c_str(), type.c_str(), 0, options.c_str()), 0)
      << type << ": " << std::strerror(errno);
}

Mount::~Mount() { ::umount2(target_.c_str(), MNT_DETACH); }

bool make_ext4(const std::string& device, const std::string& features) {
  const std::string chosen = features.empty() ? "" : "-O " + features + " ";
  return std::system(("mkfs.ext4 -q -F -E lazy_itable_init=0 " + chosen + device).c_str()) == 0;
}

BlockNumber block_number(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return {static_cast<uint32_t>(major(status.st_rdev)),
          static_cast<uint32_t>(minor(status.st_rdev))};
}

LoopDevice::LoopDevice(const std::string& file, uint64_t bytes) {
  const UniqueFd backing(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  EXPECT_TRUE(backing) << file;
  EXPECT_EQ(::ftruncate(backing.get(), static_cast<off_t>(bytes)), 0);
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  EXPECT_TRUE(control) << "this test needs root and loop devices";
  loop_config config = {};
  config.fd = static_cast<uint32_t>(backing.get());
  config.info.lo_flags = LO_FLAGS_PARTSCAN;
  // Another process may take the free device first.
  for (int attempt = 0; attempt < 20; ++attempt) {
    const int index = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    path_ = "/dev/loop" + std::to_string(index);
    device_ = UniqueFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    if (device_ && ::ioctl(device_.get(), LOOP_CONFIGURE, &config) == 0) {
      number_ = block_number(path_);
      return;
    }
  }
  ADD_FAILURE() << "no loop device: " << std::strerror(errno);
}

LoopDevice::~LoopDevice() {
  for (int index = 1; index <= 2; ++index) {
    blkpg_partition partition = {};
    partition.pno = index;
    blkpg_ioctl_arg argument = {BLKPG_DEL_PARTITION, 0, sizeof partition, &partition};
    ::ioctl(device_.get(), BLKPG, &argument);
  }
  ::ioctl(device_.get(), LOOP_CLR_FD, 0);
}

DiskWrites LoopDevice::writes() const {
  std::ifstream file("/sys/dev/block/" + std::to_string(number_.major) + ":" +
                     std::to_string(number_.minor) + "/stat");
  uint64_t field[9] = {};
  for (uint64_t& value : field) file >> value;
  EXPECT_TRUE(file) << path_;
  return {field[4], field[6] * 512, field[8]};
}

std::string LoopDevice::add_partition(int index, uint64_t start, uint64_t size) const {
  blkpg_partition partition = {};
  partition.pno = index;
  partition.start = static_cast<long long>(start);
  partition.length = static_cast<long long>(size);
  blkpg_ioctl_arg argument = {BLKPG_ADD_PARTITION, 0, sizeof partition, &partition};
  EXPECT_EQ(::ioctl(device_.get(), BLKPG, &argument), 0) << std::strerror(errno);
  return path_ + "p" + std::to_string(index);
}

}  // namespace kernel_exporter

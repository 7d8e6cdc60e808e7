// SPDX-License-Identifier: Apache-2.0
#include "ubi.h"

#include <fcntl.h>
#include <mtd/ubi-user.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <thread>

#include "text.h"

namespace kernel_exporter {
namespace {

// The node of a device comes a moment after the device.
UniqueFd open_node(const std::string& path) {
  for (int attempt = 0; attempt < 500; ++attempt) {
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (file) return file;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  give_up(path);
}

}  // namespace

UbiVolume::UbiVolume(const std::string& flash, size_t bytes)
    : control_(open_node("/dev/ubi_ctrl")) {
  ubi_attach_req attach = {};
  attach.ubi_num = UBI_DEV_NUM_AUTO;
  attach.mtd_num = std::stoi(flash.substr(std::strlen("mtd")));
  attach.max_beb_per1024 = 1;  // of the chip: the default would keep all of a small part of it back
  checked(::ioctl(control_.get(), UBI_IOCATT, &attach), "UBI_IOCATT " + flash);
  number_ = attach.ubi_num;
  const UniqueFd device = open_node("/dev/ubi" + std::to_string(number_));
  ubi_mkvol_req volume = {};
  volume.alignment = 1;
  volume.bytes = static_cast<int64_t>(bytes);
  volume.vol_type = UBI_DYNAMIC_VOLUME;
  constexpr char kName[] = "slot";
  volume.name_len = sizeof kName - 1;
  std::memcpy(volume.name, kName, sizeof kName);
  checked(::ioctl(device.get(), UBI_IOCMKVOL, &volume), "UBI_IOCMKVOL");
}

UbiVolume::~UbiVolume() { ::ioctl(control_.get(), UBI_IOCDET, &number_); }

bool UbiVolume::update(size_t bytes) const {
  static const std::array<char, 1 << 16> data = {};
  const UniqueFd file(::open(path().c_str(), O_RDWR | O_CLOEXEC));
  auto total = static_cast<int64_t>(bytes);
  if (!file || ::ioctl(file.get(), UBI_IOCVOLUP, &total) != 0) return false;
  for (size_t left = bytes; left > 0;) {
    const ssize_t size = ::write(file.get(), data.data(), left < data.size() ? left : data.size());
    if (size <= 0) return false;
    left -= static_cast<size_t>(size);
  }
  return true;
}

}  // namespace kernel_exporter

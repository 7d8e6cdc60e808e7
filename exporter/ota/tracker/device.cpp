// SPDX-License-Identifier: Apache-2.0
#include "ota/tracker/device.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>

#include "host/block_device.h"
#include "host/mtd.h"
#include "host/text_file.h"

namespace kernel_exporter {
namespace {

std::string number_text(uint32_t major, uint32_t minor) {
  return std::to_string(major) + ":" + std::to_string(minor);
}

// "MAJOR:MINOR" of the disk that a partition is part of; "" for what is no partition.
std::string disk_of(const HostPaths& paths, const std::string& partition) {
  const std::string folder = paths.sysfs + "/dev/block/" + partition;
  if (!read_text_file(folder + "/partition", 64)) return "";
  const auto disk = read_text_file(folder + "/../dev", 64);
  return disk ? disk->substr(0, disk->find('\n')) : "";
}

}  // namespace

bool resolve_device(const HostPaths& paths, OtaDevice& device) {
  struct stat status = {};
  if (::stat((paths.rootfs + device.path).c_str(), &status) != 0) return false;
  device.block = S_ISBLK(status.st_mode);
  if (!device.block && !S_ISCHR(status.st_mode)) return false;
  device.major = major(status.st_rdev);
  device.minor = minor(status.st_rdev);
  if (device.block) {
    device.name = block_device_name(paths, device.major, device.minor).value_or("");
  } else if (const auto flash = mtd_of_character_device(paths, device.major, device.minor)) {
    device.name = mtd_name(*flash);
  }
  if (device.name.empty()) device.name = std::filesystem::path(device.path).filename();
  return true;
}

std::optional<std::string> lies_on_device(const HostPaths& paths, const std::string& file,
                                          const std::vector<OtaDevice>& devices) {
  std::filesystem::path place = file;
  struct stat status = {};
  while (::stat(place.c_str(), &status) != 0) {
    if (!place.has_relative_path()) return {};
    place = place.parent_path();
  }
  const std::string own = number_text(major(status.st_dev), minor(status.st_dev));
  const std::string disk = disk_of(paths, own);
  for (const OtaDevice& device : devices) {
    const std::string target = number_text(device.major, device.minor);
    if (!device.block || (target != own && target != disk)) continue;
    return "the ledger " + file + " is on the target device " + device.path +
           ": the update may overwrite it; move it with `ledger` in --ota.config";
  }
  return {};
}

}  // namespace kernel_exporter

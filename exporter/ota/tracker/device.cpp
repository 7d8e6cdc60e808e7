// SPDX-License-Identifier: Apache-2.0
#include "ota/tracker/device.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

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

constexpr char kMove[] = "; move it with `ledger` in --ota.config to a partition that is kept";

// The file or, before it exists, the folder that will be its own or its parent's.
std::string existing_part(const std::string& file) {
  std::filesystem::path place = file;
  std::error_code error;
  while (!std::filesystem::exists(place, error) && place.has_relative_path()) {
    place = place.parent_path();
  }
  return place.string();
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

std::optional<std::string> ledger_on_device(const HostPaths& paths, const std::string& file,
                                            const std::vector<OtaDevice>& devices) {
  struct stat status = {};
  if (::stat(existing_part(file).c_str(), &status) != 0) return {};
  const std::string own = number_text(major(status.st_dev), minor(status.st_dev));
  const std::string disk = disk_of(paths, own);
  for (const OtaDevice& device : devices) {
    const std::string target = number_text(device.major, device.minor);
    if (!device.block || (target != own && target != disk)) continue;
    return "the ledger " + file + " is on " + device.path +
           ", which updates write or leave behind" + kMove;
  }
  return {};
}

// An overlay's upper layer is in memory or belongs to one slot as a rule.
std::optional<std::string> ledger_in_memory(const std::string& file) {
  struct statfs status = {};
  if (::statfs(existing_part(file).c_str(), &status) != 0) return {};
  const char* type = status.f_type == TMPFS_MAGIC             ? "a tmpfs"
                     : status.f_type == RAMFS_MAGIC           ? "a ramfs"
                     : status.f_type == OVERLAYFS_SUPER_MAGIC ? "an overlay"
                                                              : nullptr;
  if (!type) return {};
  return "the ledger " + file + " is on " + type + ", which a boot or an update may discard" +
         kMove;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "host/block_device.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "host/text_file.h"

namespace kernel_exporter {
namespace {

std::string block_directory(const HostPaths& paths, BlockNumber device) {
  return paths.sysfs + "/dev/block/" + std::to_string(device.major) + ":" +
         std::to_string(device.minor);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

Result<uint64_t> read_count(const std::string& path) {
  const Result<std::string> text = read_text_file(path);
  if (!text) return tl::unexpected(text.error());
  uint64_t count = 0;
  const auto error = std::from_chars(text->data(), text->data() + text->size(), count).ec;
  if (error != std::errc()) return fail(path + ": not a number: " + first_line(*text));
  return count;
}

// "MAJOR:MINOR".
Result<BlockNumber> read_block_number(const std::string& path) {
  const Result<std::string> text = read_text_file(path);
  if (!text) return tl::unexpected(text.error());
  BlockNumber number;
  const char* end = text->data() + text->size();
  const auto major = std::from_chars(text->data(), end, number.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != ':') {
    return fail(path + ": not a device number: " + first_line(*text));
  }
  if (std::from_chars(major.ptr + 1, end, number.minor).ec != std::errc()) {
    return fail(path + ": not a device number: " + first_line(*text));
  }
  return number;
}

}  // namespace

std::optional<std::string> block_device_name(const HostPaths& paths, uint32_t major,
                                             uint32_t minor) {
  const std::string link =
      paths.sysfs + "/dev/block/" + std::to_string(major) + ":" + std::to_string(minor);
  char target[PATH_MAX];
  const ssize_t size = ::readlink(link.c_str(), target, sizeof target);
  if (size <= 0) return std::nullopt;
  const std::string_view path(target, static_cast<size_t>(size));
  std::string name(path.substr(path.rfind('/') + 1));
  if (name.empty()) return std::nullopt;
  // The driver core writes '!' for the '/' of names such as "cciss/c0d0"; diskstats shows the '/'.
  std::replace(name.begin(), name.end(), '!', '/');
  return name;
}

Result<BlockExtent> block_extent(const HostPaths& paths, BlockNumber device) {
  const std::string directory = block_directory(paths, device);
  std::error_code error;
  if (!std::filesystem::exists(directory + "/dev", error)) {
    return fail(directory + ": no such block device");
  }
  if (!std::filesystem::exists(directory + "/partition", error)) return BlockExtent{.disk = device};
  const Result<BlockNumber> disk = read_block_number(directory + "/../dev");
  if (!disk) return tl::unexpected(disk.error());
  const Result<uint64_t> first = read_count(directory + "/start");
  if (!first) return tl::unexpected(first.error());
  const Result<uint64_t> size = read_count(directory + "/size");
  if (!size) return tl::unexpected(size.error());
  return BlockExtent{*disk, *first, *first + *size};
}

std::vector<BlockNumber> block_partitions(const HostPaths& paths, BlockNumber disk) {
  std::vector<BlockNumber> partitions;
  std::error_code error;
  std::filesystem::directory_iterator entry(block_directory(paths, disk), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string path = entry->path();
    std::error_code none;
    if (!std::filesystem::exists(path + "/partition", none)) continue;
    if (const auto number = read_block_number(path + "/dev")) partitions.push_back(*number);
  }
  return partitions;
}

uint32_t count_disks(const HostPaths& paths) {
  uint32_t disks = 0;
  std::error_code error;
  std::filesystem::directory_iterator entry(paths.sysfs + "/block", error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (read_count(entry->path().string() + "/size").value_or(0) > 0) ++disks;
  }
  return disks;
}

}  // namespace kernel_exporter

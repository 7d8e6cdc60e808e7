// SPDX-License-Identifier: Apache-2.0
#include "host/mtd.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "host/text_file.h"

namespace kernel_exporter {
namespace {

constexpr uint32_t kMtdMajor = 90;  // MTD_CHAR_MAJOR; even minors write, odd ones do not

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <typename Number>
std::optional<Number> read_number(const std::string& path) {
  const Result<std::string> text = read_text_file(path, 64);
  if (!text) return std::nullopt;
  return number_of<Number>(std::string_view(*text).substr(0, text->find('\n')));
}

}  // namespace

std::optional<MtdDevice> mtd_device(const HostPaths& paths, uint32_t index) {
  const std::string folder = paths.sysfs + "/class/mtd/" + mtd_name(index);
  const auto failures = read_number<uint64_t>(folder + "/ecc_failures");
  const auto corrected = read_number<uint64_t>(folder + "/corrected_bits");
  const auto bad = read_number<uint64_t>(folder + "/bad_blocks");
  if (!failures || !corrected || !bad) return std::nullopt;
  return MtdDevice{index, *failures, *corrected, *bad};
}

std::vector<MtdDevice> mtd_devices(const HostPaths& paths) {
  std::vector<MtdDevice> devices;
  std::error_code error;
  std::filesystem::directory_iterator entry(paths.sysfs + "/class/mtd", error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!name.starts_with("mtd")) continue;
    const auto index = number_of<uint32_t>(std::string_view(name).substr(3));
    if (!index) continue;  // mtd3ro
    if (const auto device = mtd_device(paths, *index)) devices.push_back(*device);
  }
  std::ranges::sort(devices, {}, &MtdDevice::index);
  return devices;
}

std::optional<uint32_t> mtd_of_character_device(const HostPaths& paths, uint32_t major,
                                                uint32_t minor) {
  if (major == kMtdMajor) return minor / 2;
  const std::string folder =
      paths.sysfs + "/dev/char/" + std::to_string(major) + ":" + std::to_string(minor);
  const auto attached = read_number<uint32_t>(folder + "/mtd_num");
  return attached ? attached : read_number<uint32_t>(folder + "/../mtd_num");
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/rauc/rauc_bundle.h"

#include <algorithm>
#include <sstream>

#include "host/text_file.h"

namespace kernel_exporter {
namespace {

constexpr size_t kMaxManifestBytes = 64 << 10;  // as RAUC has it
constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool is_octal(std::string_view digits) {
  return digits.size() == 3 && digits.find_first_not_of("01234567") == std::string_view::npos;
}

// proc(5): blanks and backslashes of a path are written as octal numbers.
std::string unescaped(std::string_view path) {
  std::string text;
  for (size_t i = 0; i < path.size(); ++i) {
    const std::string_view digits = path.substr(i + 1, 3);
    if (path[i] != '\\' || !is_octal(digits)) {
      text += path[i];
      continue;
    }
    text += static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + (digits[2] - '0'));
    i += digits.size();
  }
  return text;
}

// The mount point, if this line of mountinfo is about a bundle: the squashfs at MOUNTPREFIX/bundle.
std::string bundle_mount(const std::string& line) {
  std::istringstream fields(line);
  std::string field;
  std::string mount_point;
  for (int i = 0; i < 5; ++i) fields >> mount_point;
  while (fields >> field && field != "-") {
  }
  fields >> field;
  return field == "squashfs" && mount_point.ends_with("/bundle") ? unescaped(mount_point) : "";
}

}  // namespace

std::string version_in_manifest(std::string_view manifest) {
  bool in_update = false;
  while (!manifest.empty()) {
    const size_t end = std::min(manifest.find('\n'), manifest.size());
    const std::string_view line = trimmed(manifest.substr(0, end));
    manifest.remove_prefix(std::min(end + 1, manifest.size()));
    if (line.starts_with('[')) in_update = line == "[update]";
    const size_t equals = line.find('=');
    if (!in_update || equals == std::string_view::npos) continue;
    if (trimmed(line.substr(0, equals)) == "version") {
      return std::string(trimmed(line.substr(equals + 1)));
    }
  }
  return "";
}

std::string mounted_bundle_version(const HostPaths& paths, pid_t service) {
  const std::string process = paths.procfs + "/" + std::to_string(service);
  std::istringstream mounts(read_text_file(process + "/mountinfo").value_or(""));
  for (std::string line; std::getline(mounts, line);) {
    const std::string mount_point = bundle_mount(line);
    if (mount_point.empty()) continue;
    const auto manifest =
        read_text_file(process + "/root" + mount_point + "/manifest.raucm", kMaxManifestBytes);
    if (manifest) return version_in_manifest(*manifest);
  }
  return "";
}

}  // namespace kernel_exporter

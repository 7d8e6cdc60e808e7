// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/rauc/rauc_bundle.h"

#include <algorithm>

#include "base/text.h"
#include "host/mount_info.h"
#include "host/text_file.h"

namespace kernel_exporter {
namespace {

constexpr size_t kMaxManifestBytes = 64 << 10;  // as RAUC has it

// The squashfs at MOUNTPREFIX/bundle.
bool is_bundle(const Mount& mount) {
  return mount.type == "squashfs" && mount.point.ends_with("/bundle");
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
  const auto mount_info = read_text_file(process + "/mountinfo");
  for (const Mount& mount : parse_mount_info(mount_info.value_or(""))) {
    if (!is_bundle(mount)) continue;
    const auto manifest =
        read_text_file(process + "/root" + mount.point + "/manifest.raucm", kMaxManifestBytes);
    if (manifest) return version_in_manifest(*manifest);
  }
  return "";
}

}  // namespace kernel_exporter

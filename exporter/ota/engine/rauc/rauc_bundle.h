// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "host/paths.h"

namespace kernel_exporter {

// The version that the manifest of a bundle names, "" where it names none.
std::string version_in_manifest(std::string_view manifest);

// That of the bundle which this RAUC service has mounted: from the check of its signature to the
// end of the installation. "" where there is none, or where we may not look: the mount is the
// service's own, which takes CAP_SYS_PTRACE.
std::string mounted_bundle_version(const HostPaths& paths, pid_t service);

}  // namespace kernel_exporter

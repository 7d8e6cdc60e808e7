// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "host/paths.h"
#include "ota/model/transaction.h"

namespace kernel_exporter {

// Fills in what the kernel calls the device behind `path`, symbolic links followed. False: there is
// no such device now; name and numbers stay empty.
bool resolve_device(const HostPaths& paths, OtaDevice& device);

// A warning when the file lies (or would lie) on one of the devices, or on a partition of one.
std::optional<std::string> lies_on_device(const HostPaths& paths, const std::string& file,
                                          const std::vector<OtaDevice>& devices);

}  // namespace kernel_exporter

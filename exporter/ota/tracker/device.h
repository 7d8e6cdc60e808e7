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

// A warning when the ledger is (or would be) on one of the devices or a partition of one. A device
// below a device-mapper or md device is not recognised, nor one of a btrfs.
std::optional<std::string> ledger_on_device(const HostPaths& paths, const std::string& file,
                                            const std::vector<OtaDevice>& devices);

// A warning when the ledger is (or would be) on a file system that ends with a boot or an update.
std::optional<std::string> ledger_in_memory(const std::string& file);

}  // namespace kernel_exporter

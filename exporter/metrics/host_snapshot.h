// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "host/paths.h"
#include "labels/decoder.h"
#include "probe/snapshot.h"

namespace kernel_exporter {

// The sources of rules/host_source.h in the shape of a BPF map of one CPU.
[[nodiscard]] Result<void> read_netlink(HostTables& host, Snapshot& snapshot);
void read_mtd(const HostPaths& paths, Snapshot& snapshot);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "labels/decoder.h"

namespace kernel_exporter {

HostTables::HostTables(HostPaths host_paths)
    : paths(std::move(host_paths)),
      netdevs(paths),
      cgroups(paths),
      symbols(paths),
      disks(count_disks(paths)) {}

void HostTables::start_scrape() {
  netdevs.start_scrape();
  cgroups.start_scrape();
}

}  // namespace kernel_exporter

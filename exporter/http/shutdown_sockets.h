// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace kernel_exporter {

// Shuts down every TCP socket of this process that is bound to the local port: whoever waits for
// one wakes up. Their owners still close them. civetweb tells nobody its descriptors, so they are
// looked up in /proc/self/fd; without procfs nothing happens.
void shutdown_sockets(uint16_t local_port);

}  // namespace kernel_exporter

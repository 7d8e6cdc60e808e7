// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace kernel_exporter {

// Shuts down every TCP socket of this process that is bound to the local port, which wakes up the
// threads that wait for them. Their owners still close them. civetweb does not expose its
// descriptors, so they are looked up in /proc/self/fd; without procfs nothing happens.
void shutdown_sockets(uint16_t local_port);

}  // namespace kernel_exporter

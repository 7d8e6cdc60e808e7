// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kernel_exporter {

// Keeps libbpf quiet and its last complaints for our own messages. Call once at start; the
// functions of this room that need it call it themselves.
void capture_libbpf_log();

// What libbpf has warned of in this thread since the last call, line by line; the end of it when it
// is long.
std::string take_libbpf_log();

}  // namespace kernel_exporter

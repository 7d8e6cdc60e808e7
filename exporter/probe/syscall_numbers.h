// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/loader.h"

namespace kernel_exporter {

// Tells the project's own programs the numbers of the system calls that they look for
// (bpf/syscalls.h). Other objects have no such constants.
void set_syscall_numbers(ObjectSettings& settings);

}  // namespace kernel_exporter

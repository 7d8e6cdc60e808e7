// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "privileges/capabilities.h"

namespace kernel_exporter {

// From now on all threads, those to come included, make only the system calls that the running
// exporter needs (system_call_table.h says which and what for); every other one fails with EPERM:
// executing programs, new processes, tracing others, mounting, modules, loading BPF programs,
// executable memory, network sockets. Sets no_new_privs. The error names what the kernel lacks
// (CONFIG_SECCOMP_FILTER).
[[nodiscard]] Result<void> limit_system_calls(const PrivilegeNeeds& needs);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace kernel_exporter {

// One allowed system call by name, so that one table serves every architecture: a name that an
// architecture or this libseccomp does not know is left out. With a condition the call is allowed
// only when (argument & mask) == value.
struct AllowedCall {
  const char* name;
  unsigned int argument = 0;
  uint64_t mask = 0;
  uint64_t value = 0;
};

std::span<const AllowedCall> allowed_calls();

}  // namespace kernel_exporter

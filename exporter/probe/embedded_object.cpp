// SPDX-License-Identifier: Apache-2.0
#include "probe/embedded_object.h"

extern "C" {
extern const std::byte kernel_exporter_bpf_object_start[];
extern const std::byte kernel_exporter_bpf_object_end[];
}

namespace kernel_exporter {

std::span<const std::byte> embedded_object() {
  return {kernel_exporter_bpf_object_start, kernel_exporter_bpf_object_end};
}

}  // namespace kernel_exporter

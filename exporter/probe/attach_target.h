// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/libbpf.h>

#include <string_view>

#include "probe/kernel_btf.h"

namespace kernel_exporter {

// Programs of the sections tp_btf, fentry and fexit attach to a type of the kernel's. To find its
// id libbpf 1.1 reads the kernel's BTF once more for each object (10 ms, 8 MB). Handlers of ours
// take it from a KernelBtf instead.

// Makes libbpf use these handlers for objects that are opened from now on.
void handle_tracing_sections();

// While it lives, programs that this thread loads find their targets in `kernel`; null: libbpf
// finds them.
class AttachTargets {
 public:
  explicit AttachTargets(const KernelBtf* kernel);
  AttachTargets(const AttachTargets&) = delete;
  AttachTargets& operator=(const AttachTargets&) = delete;
  ~AttachTargets();
};

// To be called for each program between opening and loading it, within AttachTargets: leaves
// functions of modules to libbpf. 0 or a negative errno.
int find_module_target(bpf_program* program);

// bpf_program__attach, for programs of these sections too. Null and errno when refused.
bpf_link* attach_program(const bpf_program* program);

}  // namespace kernel_exporter

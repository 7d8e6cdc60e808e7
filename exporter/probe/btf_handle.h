// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/btf.h>

#include <memory>

namespace kernel_exporter {

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};
using BtfHandle = std::unique_ptr<btf, FreeBtf>;

}  // namespace kernel_exporter

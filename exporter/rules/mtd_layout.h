// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/layout.h"

namespace kernel_exporter {

// The key of `source: mtd` entries as rules see it.
struct MtdKey {
  char mtd[16];  // "mtd0"
  uint32_t index;
};

// What sysfs/class/mtd/mtdN counts since the device was registered.
struct MtdValue {
  uint64_t ecc_failures;
  uint64_t corrected_bits;
  uint64_t bad_blocks;
};

const Layout& mtd_key_layout();
const Layout& mtd_value_layout();

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/paths.h"

namespace kernel_exporter {

// A flash device (Memory Technology Device) with what the kernel counts of it since it was
// registered, from sysfs/class/mtd/mtdN.
struct MtdDevice {
  uint32_t index = 0;           // N
  uint64_t ecc_failures = 0;    // reads that ECC could not correct
  uint64_t corrected_bits = 0;  // and those that it could, in bits
  uint64_t bad_blocks = 0;
};

inline std::string mtd_name(uint32_t index) { return "mtd" + std::to_string(index); }

// All flash devices, by number. Partitions are devices of their own. A device that cannot be read,
// or that has no such counts (before 3.16), is left out.
std::vector<MtdDevice> mtd_devices(const HostPaths& paths);

// nullopt when there is no such device, or when it is left out as above.
std::optional<MtdDevice> mtd_device(const HostPaths& paths, uint32_t index);

// The flash device behind a character device: "/dev/mtd3" and "/dev/mtd3ro", "/dev/ubi0" and
// "/dev/ubi0_1" by what UBI is attached to. nullopt for all others.
std::optional<uint32_t> mtd_of_character_device(const HostPaths& paths, uint32_t major,
                                                uint32_t minor);

}  // namespace kernel_exporter

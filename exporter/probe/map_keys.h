// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace kernel_exporter {

// CPUs that per-CPU maps have values for, at least 1.
int possible_cpus();

// Adds and removes keys of a map whose keys user space chooses. A key that is there already keeps
// its value unless it is set. The result is 0 or a positive errno (E2BIG: the map is full).
class MapKeys {
 public:
  // The descriptor stays the caller's. `value_size` is that of one CPU.
  MapKeys(int map_fd, size_t value_size);

  int add(std::span<const std::byte> key) const;
  // Adds the key or replaces its value; not for per-CPU maps.
  int set(std::span<const std::byte> key, std::span<const std::byte> value) const;
  int remove(std::span<const std::byte> key) const;

 private:
  int map_fd_;
  std::vector<std::byte> zeros_;
};

}  // namespace kernel_exporter

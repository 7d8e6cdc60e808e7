// SPDX-License-Identifier: Apache-2.0
#include "probe/map_keys.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>

namespace kernel_exporter {

int possible_cpus() { return std::max(1, libbpf_num_possible_cpus()); }

MapKeys::MapKeys(int map_fd, size_t value_size)
    : map_fd_(map_fd), zeros_((value_size + 7) / 8 * 8 * static_cast<size_t>(possible_cpus())) {}

int MapKeys::add(std::span<const std::byte> key) const {
  if (bpf_map_update_elem(map_fd_, key.data(), zeros_.data(), BPF_NOEXIST) == 0) return 0;
  return errno == EEXIST ? 0 : errno;
}

int MapKeys::set(std::span<const std::byte> key, std::span<const std::byte> value) const {
  return bpf_map_update_elem(map_fd_, key.data(), value.data(), BPF_ANY) == 0 ? 0 : errno;
}

int MapKeys::remove(std::span<const std::byte> key) const {
  if (bpf_map_delete_elem(map_fd_, key.data()) == 0) return 0;
  return errno == ENOENT ? 0 : errno;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace kernel_exporter {

// Room for a batch of the largest size that a map can have, straight from the kernel: only the
// pages that batches fill are in memory.
class BatchBuffer {
 public:
  BatchBuffer() = default;
  BatchBuffer(BatchBuffer&& other) noexcept;
  BatchBuffer& operator=(BatchBuffer&& other) noexcept;
  ~BatchBuffer();

  // At least so many bytes, whatever they hold; null when they cannot be had.
  std::byte* reserve(size_t bytes);
  // Gives the memory back unless it is little.
  void trim();

 private:
  void release();

  size_t bytes_ = 0;
  std::byte* data_ = nullptr;
};

// The entries of one map at one time: entry i has the key at keys[i * key_size] and `cpus` values
// of `value_stride` bytes each, one behind the other. cpus is 1 for maps that are not per-CPU.
struct Snapshot {
  uint32_t key_size = 0;
  uint32_t identity_size = 0;  // bytes of a key that tell entries apart; the rest may change
  uint32_t value_size = 0;
  uint32_t value_stride = 0;  // value_size, rounded up to 8 in per-CPU maps
  uint32_t cpus = 1;
  size_t entries = 0;
  std::vector<std::byte> keys;
  std::vector<std::byte> values;
  BatchBuffer batch;  // of the reader

  std::span<const std::byte> key(size_t entry) const {
    return std::span(keys).subspan(entry * key_size, key_size);
  }
  std::span<const std::byte> value(size_t entry, uint32_t cpu) const {
    return std::span(values).subspan((entry * cpus + cpu) * value_stride, value_stride);
  }
};

// How a map is read. kByKey is what kernels without batch lookups get.
enum class ReadMethod { kBatchFirst, kByKey };

// Reads one map, again and again. Batch lookups first (BPF_MAP_LOOKUP_BATCH: hashes from 5.6,
// per-CPU arrays from 5.13), key by key where the kernel refuses them. No key comes twice, whatever
// is inserted and deleted during the walk: a batch holds the bucket's lock, and the walk by key
// remembers what it has seen because it starts over when the key it stands on is deleted.
// Supported: arrays, hashes, LRU hashes and the per-CPU kinds of all three. One thread at a time.
class MapReader {
 public:
  // The descriptor stays the caller's and must outlive the reader. The error names `name`.
  [[nodiscard]] static Result<MapReader> create(int map_fd, std::string name,
                                                ReadMethod method = ReadMethod::kBatchFirst);

  // Replaces the snapshot's content. An error leaves it unusable: nothing of it may be shown.
  // Past the deadline, which is looked at between calls, the error says that it has passed.
  [[nodiscard]] Result<void> read(Snapshot& snapshot,
                                  std::chrono::steady_clock::time_point deadline);

  // bpf() calls of the last read, without those of create.
  int calls() const { return calls_; }
  uint32_t max_entries() const { return max_entries_; }

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  enum class Batch { kDone, kRefused };

  MapReader() = default;

  bool is_array() const;
  size_t entry_bytes() const;
  size_t batch_capacity() const;
  void start(Snapshot& snapshot) const;
  Result<Batch> read_batches(Snapshot& snapshot, Deadline deadline);
  Result<void> read_array(Snapshot& snapshot, Deadline deadline);
  Result<void> read_hash(Snapshot& snapshot, Deadline deadline);
  Result<void> late(const Snapshot& snapshot) const;

  int fd_ = -1;
  std::string name_;
  uint32_t type_ = 0;
  uint32_t key_size_ = 0;
  uint32_t value_size_ = 0;
  uint32_t max_entries_ = 0;
  uint32_t cpus_ = 1;
  uint32_t value_stride_ = 0;
  bool batch_ = true;
  int calls_ = 0;
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "probe/snapshot.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <unordered_set>
#include <utility>

#include "probe/map_type.h"

namespace kernel_exporter {
namespace {

using Clock = std::chrono::steady_clock;

// One batch holds so many entries, whatever the map's size, so that two calls read 64k entries.
constexpr size_t kBatchEntries = 65536;
constexpr size_t kBatchBytes = size_t{64} << 20;
// Asking the kernel for memory anew for each map costs as much as reading a small one.
constexpr size_t kKeptBytes = size_t{512} << 10;
// A walk under churn can meet a few more entries than the map holds at any one time.
constexpr size_t kSlack = 64;
// Looking at the clock costs as much as a lookup: not at every key.
constexpr size_t kKeysBetweenClockReads = 64;

bool is_supported(uint32_t type) {
  switch (type) {
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_HASH:
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
      return true;
    default:
      return false;
  }
}

bool means_no_batch(int error) {
  return error == EINVAL || error == EOPNOTSUPP || error == kKernelNotSupported;
}

void append(std::vector<std::byte>& to, const void* from, size_t size) {
  const auto* begin = static_cast<const std::byte*>(from);
  to.insert(to.end(), begin, begin + size);
}

}  // namespace

BatchBuffer::BatchBuffer(BatchBuffer&& other) noexcept
    : bytes_(std::exchange(other.bytes_, 0)), data_(std::exchange(other.data_, nullptr)) {}

BatchBuffer& BatchBuffer::operator=(BatchBuffer&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(data_, other.data_);
  return *this;
}

BatchBuffer::~BatchBuffer() { release(); }

std::byte* BatchBuffer::reserve(size_t bytes) {
  if (bytes <= bytes_) return data_;
  release();
  void* const data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  bytes_ = bytes;
  data_ = static_cast<std::byte*>(data);
  return data_;
}

void BatchBuffer::trim() {
  if (bytes_ > kKeptBytes) release();
}

void BatchBuffer::release() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
  data_ = nullptr;
  bytes_ = 0;
}

Result<MapReader> MapReader::create(int map_fd, std::string name, ReadMethod method) {
  bpf_map_info info = {};
  uint32_t size = sizeof info;
  const int error = bpf_obj_get_info_by_fd(map_fd, &info, &size);
  if (error) return fail_errno(error, "map " + name);
  if (!is_supported(info.type)) {
    const char* type = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(info.type));
    return fail("map " + name + ": cannot read a map of type " +
                (type ? std::string(type) : std::to_string(info.type)) +
                "; supported are arrays, hashes, LRU hashes and their per-CPU kinds");
  }
  MapReader reader;
  reader.fd_ = map_fd;
  reader.name_ = std::move(name);
  reader.type_ = info.type;
  reader.key_size_ = info.key_size;
  reader.value_size_ = info.value_size;
  reader.value_stride_ = info.value_size;
  reader.max_entries_ = info.max_entries;
  reader.batch_ = method == ReadMethod::kBatchFirst;
  if (is_per_cpu(info.type)) {
    const int cpus = libbpf_num_possible_cpus();
    if (cpus < 1) return fail_errno(cpus, "map " + reader.name_ + ": counting possible CPUs");
    reader.cpus_ = static_cast<uint32_t>(cpus);
    reader.value_stride_ = (info.value_size + 7) / 8 * 8;
  }
  return reader;
}

bool MapReader::is_array() const {
  return type_ == BPF_MAP_TYPE_ARRAY || type_ == BPF_MAP_TYPE_PERCPU_ARRAY;
}

size_t MapReader::entry_bytes() const { return key_size_ + size_t{value_stride_} * cpus_; }

size_t MapReader::batch_capacity() const {
  const size_t affordable = std::max<size_t>(kBatchBytes / entry_bytes(), 1);
  return std::min({size_t{max_entries_} + kSlack, kBatchEntries, affordable});
}

void MapReader::start(Snapshot& snapshot) const {
  snapshot.key_size = snapshot.identity_size = key_size_;
  snapshot.value_size = value_size_;
  snapshot.value_stride = value_stride_;
  snapshot.cpus = cpus_;
  snapshot.entries = 0;
  snapshot.keys.clear();
  snapshot.values.clear();
}

Result<void> MapReader::late(const Snapshot& snapshot) const {
  return fail("map " + name_ + ": the scrape timeout expired after " +
              std::to_string(snapshot.entries) + " entries");
}

Result<void> MapReader::read(Snapshot& snapshot, Deadline deadline) {
  calls_ = 0;
  start(snapshot);
  if (batch_) {
    const Result<Batch> result = read_batches(snapshot, deadline);
    snapshot.batch.trim();
    if (!result) return tl::unexpected(result.error());
    if (*result == Batch::kDone) return {};
    batch_ = false;
    start(snapshot);
  }
  return is_array() ? read_array(snapshot, deadline) : read_hash(snapshot, deadline);
}

Result<MapReader::Batch> MapReader::read_batches(Snapshot& snapshot, Deadline deadline) {
  size_t capacity = batch_capacity();
  std::byte* keys = snapshot.batch.reserve(capacity * entry_bytes());
  // Where the walk stands: a bucket number (hashes) or a key (arrays); both are 4 bytes.
  uint32_t position = 0;
  bool first = true;
  while (true) {
    if (keys == nullptr) return fail_errno(ENOMEM, "map " + name_);
    if (Clock::now() >= deadline) return tl::unexpected(late(snapshot).error());
    std::byte* const values = keys + capacity * key_size_;
    auto count = static_cast<uint32_t>(capacity);
    ++calls_;
    const int error = -bpf_map_lookup_batch(fd_, first ? nullptr : &position, &position, keys,
                                            values, &count, nullptr);
    if (error == ENOSPC) {
      // A bucket with more entries than the whole batch has room for.
      capacity *= 2;
      keys = snapshot.batch.reserve(capacity * entry_bytes());
      continue;
    }
    if (first && means_no_batch(error)) return Batch::kRefused;
    if (error != 0 && error != ENOENT) return fail_errno(error, "map " + name_);
    append(snapshot.keys, keys, count * size_t{key_size_});
    append(snapshot.values, values, count * size_t{value_stride_} * cpus_);
    snapshot.entries += count;
    first = false;
    if (error == ENOENT) return Batch::kDone;
  }
}

Result<void> MapReader::read_array(Snapshot& snapshot, Deadline deadline) {
  std::vector<std::byte> value(size_t{value_stride_} * cpus_);
  for (uint32_t index = 0; index < max_entries_; ++index) {
    if (index % kKeysBetweenClockReads == 0 && Clock::now() >= deadline) return late(snapshot);
    ++calls_;
    const int error = -bpf_map_lookup_elem(fd_, &index, value.data());
    if (error == ENOENT) continue;
    if (error) return fail_errno(error, "map " + name_);
    append(snapshot.keys, &index, sizeof index);
    append(snapshot.values, value.data(), value.size());
    ++snapshot.entries;
  }
  return {};
}

Result<void> MapReader::read_hash(Snapshot& snapshot, Deadline deadline) {
  std::vector<std::byte> value(size_t{value_stride_} * cpus_);
  std::string key(key_size_, '\0');
  std::string next(key_size_, '\0');
  std::unordered_set<std::string> seen;
  for (size_t step = 0;; ++step) {
    if (step % kKeysBetweenClockReads == 0 && Clock::now() >= deadline) return late(snapshot);
    ++calls_;
    int error = -bpf_map_get_next_key(fd_, step == 0 ? nullptr : key.data(), next.data());
    if (error == ENOENT) return {};
    if (error) return fail_errno(error, "map " + name_);
    key.swap(next);
    if (!seen.insert(key).second) continue;
    ++calls_;
    error = -bpf_map_lookup_elem(fd_, key.data(), value.data());
    if (error == ENOENT) continue;
    if (error) return fail_errno(error, "map " + name_);
    append(snapshot.keys, key.data(), key.size());
    append(snapshot.values, value.data(), value.size());
    ++snapshot.entries;
  }
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/watch/bindings.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "ota/watch/map_bytes.h"
#include "probe/map_keys.h"
#include "probe/snapshot.h"

namespace kernel_exporter {
namespace {

constexpr std::chrono::seconds kReadTimeout{2};

uint32_t kernel_number(BlockNumber device) { return OTA_DEVICE(device.major, device.minor); }

std::string name_of(BlockNumber device) {
  return "block device " + std::to_string(device.major) + ":" + std::to_string(device.minor);
}

Result<void> check(int error, const std::string& what) {
  if (error) return fail_errno(error, what);
  return {};
}

template <typename Key, typename Value>
Result<void> set_entry(const Generation& generation, const char* map, const Key& key,
                       const Value& value) {
  const MapKeys keys(generation.map_fd(map), sizeof value);
  return check(keys.set(bytes_of(key), bytes_of(value)), std::string("writing map ") + map);
}

template <typename Key>
Result<void> remove_entry(const Generation& generation, const char* map, const Key& key) {
  const MapKeys keys(generation.map_fd(map), 0);
  return check(keys.remove(bytes_of(key)), std::string("deleting from map ") + map);
}

Result<Snapshot> read_map(const Generation& generation, const char* map) {
  Result<MapReader> reader = MapReader::create(generation.map_fd(map), map);
  if (!reader) return tl::unexpected(reader.error());
  Snapshot snapshot;
  const auto deadline = std::chrono::steady_clock::now() + kReadTimeout;
  if (const auto read = reader->read(snapshot, deadline); !read) {
    return tl::unexpected(read.error());
  }
  return snapshot;
}

template <typename Id>
std::vector<Id> bound_to(uint64_t transaction, const std::map<Id, uint64_t>& bound) {
  std::vector<Id> ids;
  for (const auto& [id, owner] : bound) {
    if (owner == transaction) ids.push_back(id);
  }
  return ids;
}

uint64_t filter_bit(uint64_t number) { return uint64_t{1} << OTA_FILTER_BIT(number); }

}  // namespace

Result<OtaBindings> OtaBindings::create(std::shared_ptr<const Generation> generation,
                                        HostPaths paths) {
  for (const char* map : {"ota_filter", "ota_device", "ota_cgroup", "ota_process", "ota_written",
                          "otawrite_last_error"}) {
    if (generation->map_fd(map) < 0) {
      return fail(std::string("probe otawrite is not loaded: no map ") + map);
    }
  }
  return OtaBindings(std::move(generation), std::move(paths));
}

Result<void> OtaBindings::bind_device(BlockNumber device, ota_role role) {
  const Result<BlockExtent> extent = block_extent(paths_, device);
  if (!extent) return fail(extent.error(), "binding " + name_of(device));
  const auto [target, fresh] = targets_.insert_or_assign(device, Target{*extent, role});
  if (ranges_of(extent->disk).size() > OTA_RANGES) {
    targets_.erase(target);
    return fail(name_of(device) + ": more than " + std::to_string(OTA_RANGES) +
                " devices bound on one disk");
  }
  Result<void> written = write_disk(extent->disk);
  if (!written && fresh) targets_.erase(device);
  return written;
}

Result<void> OtaBindings::unbind_device(BlockNumber device) {
  const auto target = targets_.find(device);
  if (target == targets_.end()) return {};
  const BlockNumber disk = target->second.extent.disk;
  targets_.erase(target);
  if (!ranges_of(disk).empty()) return write_disk(disk);
  return drop_disk(disk);
}

// The smallest first, because the kernel side takes the first that fits.
std::vector<ota_range> OtaBindings::ranges_of(BlockNumber disk) const {
  std::vector<ota_range> ranges;
  for (const auto& [device, target] : targets_) {
    const BlockExtent& extent = target.extent;
    if (extent.disk != disk) continue;
    ranges.push_back({extent.first, extent.end, device.major, device.minor,
                      static_cast<uint32_t>(target.role), 0});
  }
  std::sort(ranges.begin(), ranges.end(), [](const ota_range& a, const ota_range& b) {
    return a.end - a.first < b.end - b.first;
  });
  for (auto range = ranges.begin(); range != ranges.end(); ++range) {
    range->whole = std::none_of(ranges.begin(), range, [&](const ota_range& smaller) {
      return smaller.first < range->end && range->first < smaller.end;
    });
  }
  return ranges;
}

// The filter comes last: until then the kernel side need not find the disk.
Result<void> OtaBindings::write_disk(BlockNumber disk) {
  const std::vector<ota_range> ranges = ranges_of(disk);
  ota_device entry = {};
  entry.disk = kernel_number(disk);
  std::set<uint32_t>& listed = listed_[disk];
  for (const BlockNumber partition : block_partitions(paths_, disk)) {
    listed.insert(kernel_number(partition));
    auto written = set_entry(*generation_, "ota_device", kernel_number(partition), entry);
    if (!written) return written;
  }
  entry.ranges = static_cast<uint32_t>(ranges.size());
  std::copy(ranges.begin(), ranges.end(), entry.range);
  listed.insert(entry.disk);
  Result<void> written = set_entry(*generation_, "ota_device", entry.disk, entry);
  if (!written) return written;
  return write_filter();
}

Result<void> OtaBindings::drop_disk(BlockNumber disk) {
  const std::set<uint32_t> listed = std::exchange(listed_[disk], {});
  listed_.erase(disk);
  for (const uint32_t number : listed) {
    Result<void> removed = remove_entry(*generation_, "ota_device", number);
    if (!removed) return removed;
  }
  return write_filter();
}

Result<void> OtaBindings::write_filter() {
  ota_filter filter = {};
  filter.changes = changes_ += OTA_REBOUND;
  for (const auto& [disk, listed] : listed_) {
    for (const uint32_t number : listed) filter.devices |= filter_bit(number);
  }
  for (const auto& [cgroup, transaction] : cgroups_) filter.cgroups |= filter_bit(cgroup);
  for (const auto& [process, transaction] : processes_) filter.processes |= filter_bit(process);
  filter.unnamed = unnamed_ ? 1 : 0;
  return set_entry(*generation_, "ota_filter", uint32_t{0}, filter);
}

template <typename Id>
Result<void> OtaBindings::bind_id(const char* map, std::map<Id, uint64_t>& bound, Id id,
                                  uint64_t transaction) {
  if (transaction == OTA_OWNER_UNKNOWN || transaction == OTA_OWNER_OTHER) {
    return fail("transaction " + std::to_string(transaction) + ": not a transaction number");
  }
  Result<void> written = set_entry(*generation_, map, id, transaction);
  if (!written) return fail(written.error(), "binding " + std::to_string(id));
  bound[id] = transaction;
  return write_filter();
}

template <typename Id>
Result<void> OtaBindings::unbind_id(const char* map, std::map<Id, uint64_t>& bound, Id id) {
  if (bound.erase(id) == 0) return {};
  Result<void> removed = remove_entry(*generation_, map, id);
  if (!removed) return removed;
  return write_filter();
}

Result<void> OtaBindings::bind_cgroup(uint64_t cgroup, uint64_t transaction) {
  return bind_id("ota_cgroup", cgroups_, cgroup, transaction);
}

Result<void> OtaBindings::unbind_cgroup(uint64_t cgroup) {
  return unbind_id("ota_cgroup", cgroups_, cgroup);
}

Result<void> OtaBindings::bind_process(uint32_t process, uint64_t transaction) {
  return bind_id("ota_process", processes_, process, transaction);
}

Result<void> OtaBindings::unbind_process(uint32_t process) {
  return unbind_id("ota_process", processes_, process);
}

Result<void> OtaBindings::set_unnamed(bool open) {
  if (open == unnamed_) return {};
  unnamed_ = open;
  return write_filter();
}

Result<void> OtaBindings::retire(uint64_t transaction) {
  for (const uint64_t cgroup : bound_to(transaction, cgroups_)) {
    if (Result<void> unbound = unbind_cgroup(cgroup); !unbound) return unbound;
  }
  for (const uint32_t process : bound_to(transaction, processes_)) {
    if (Result<void> unbound = unbind_process(process); !unbound) return unbound;
  }
  return {};
}

Result<void> OtaBindings::forget(uint64_t transaction) {
  Result<void> retired = retire(transaction);
  if (!retired) return retired;
  for (const ota_step step : {OTA_BY_INODE, OTA_BY_TASK, OTA_BY_BLKCG}) {
    const ota_written_key key = {transaction, step, 0};
    Result<void> removed = remove_entry(*generation_, "ota_written", key);
    if (!removed) return removed;
  }
  return {};
}

Result<std::vector<OtaWritten>> OtaBindings::totals() const {
  const Result<Snapshot> snapshot = read_map(*generation_, "ota_written");
  if (!snapshot) return tl::unexpected(snapshot.error());
  std::vector<OtaWritten> totals;
  for (size_t entry = 0; entry < snapshot->entries; ++entry) {
    const auto key = read_as<ota_written_key>(snapshot->key(entry));
    OtaWritten total{key.transaction, key.step, 0};
    for (uint32_t cpu = 0; cpu < snapshot->cpus; ++cpu) {
      total.bytes += read_as<uint64_t>(snapshot->value(entry, cpu));
    }
    if (total.bytes != 0) totals.push_back(total);
  }
  std::sort(totals.begin(), totals.end(), [](const OtaWritten& a, const OtaWritten& b) {
    return std::pair(a.transaction, a.step) < std::pair(b.transaction, b.step);
  });
  return totals;
}

Result<std::vector<OtaDeviceError>> OtaBindings::last_errors() const {
  const Result<Snapshot> snapshot = read_map(*generation_, "otawrite_last_error");
  if (!snapshot) return tl::unexpected(snapshot.error());
  std::vector<OtaDeviceError> errors;
  for (size_t entry = 0; entry < snapshot->entries; ++entry) {
    const auto key = read_as<otawrite_last_error_key>(snapshot->key(entry));
    errors.push_back({BlockNumber{key.major, key.minor},
                      read_as<otawrite_last_error>(snapshot->value(entry, 0))});
  }
  return errors;
}

}  // namespace kernel_exporter

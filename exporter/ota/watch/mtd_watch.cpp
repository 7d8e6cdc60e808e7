// SPDX-License-Identifier: Apache-2.0
#include "ota/watch/mtd_watch.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/log.h"
#include "bpf/mtd.h"
#include "ota/model/clock.h"
#include "ota/watch/map_bytes.h"
#include "probe/map_keys.h"
#include "probe/snapshot.h"

namespace kernel_exporter {
namespace {

constexpr std::chrono::seconds kReadTimeout{2};
constexpr const char* kTargets = "mtd_target";
constexpr const char* kErrors = "mtd_last_error";

// Begin and end of read, write and erase, each by one of its variants.
bool runs(const Generation* generation) {
  if (generation == nullptr) return false;
  const auto attached =
      std::ranges::count_if(generation->programs(), [](const ProgramStatus& status) {
        return status.probe == "mtd" && status.state == AttachState::kAttached;
      });
  return attached == 6;
}

OtaCause cause_of(uint32_t error) {
  switch (error) {
    case EBADMSG:
      return OtaCause::kMediaError;
    case ENOSPC:
      return OtaCause::kNoSpace;
    case ETIMEDOUT:
      return OtaCause::kTimeout;
    default:
      return OtaCause::kIoError;
  }
}

}  // namespace

MtdWatch::MtdWatch(std::shared_ptr<const Generation> generation, HostPaths paths)
    : generation_(runs(generation.get()) ? std::move(generation) : nullptr),
      paths_(std::move(paths)) {}

bool MtdWatch::bind(const OtaDevice& device, uint64_t transaction) {
  if (device.block) return false;
  const auto index = mtd_of_character_device(paths_, device.major, device.minor);
  if (!index) return false;
  Target& target = targets_[*index];
  target.transactions.insert(transaction);
  // What happened before its begin is not the transaction's.
  if (const auto counted = mtd_device(paths_, *index)) target.ecc_failures = counted->ecc_failures;
  if (generation_ == nullptr) {
    spdlog::warn("updates: writes to {} are not traced: the probe mtd is not attached",
                 mtd_name(*index));
    return true;
  }
  const auto written = write_target(*index, device.role);
  if (!written) spdlog::warn("updates: binding {}: {}", device.path, written.error().message);
  return true;
}

Result<void> MtdWatch::write_target(uint32_t index, OtaRole role) const {
  const auto value = static_cast<uint32_t>(role);
  const MapKeys keys(generation_->map_fd(kTargets), sizeof value);
  const int error = keys.set(bytes_of(index), bytes_of(value));
  if (error) return fail_errno(error, std::string("writing map ") + kTargets);
  return {};
}

void MtdWatch::release(const std::set<uint64_t>& transactions) {
  std::erase_if(targets_, [&](const auto& entry) {
    const auto& [index, target] = entry;
    const bool wanted = std::ranges::any_of(
        target.transactions, [&](uint64_t number) { return transactions.contains(number); });
    if (wanted) return false;
    if (generation_ != nullptr) {
      const MapKeys keys(generation_->map_fd(kTargets), 0);
      keys.remove(bytes_of(index));
    }
    return true;
  });
}

std::vector<OtaEvidence> MtdWatch::fresh_errors() {
  if (targets_.empty()) return {};
  return generation_ != nullptr ? probed_errors() : counted_errors();
}

std::vector<OtaEvidence> MtdWatch::probed_errors() {
  std::vector<OtaEvidence> fresh;
  auto reader = MapReader::create(generation_->map_fd(kErrors), kErrors);
  Snapshot snapshot;
  const auto read = reader ? reader->read(snapshot, std::chrono::steady_clock::now() + kReadTimeout)
                           : Result<void>(fail(reader.error().message));
  unreadable_.tried(read);
  if (!read) return fresh;
  for (size_t entry = 0; entry < snapshot.entries; ++entry) {
    const auto index = read_as<uint32_t>(snapshot.key(entry));
    const auto error = read_as<mtd_last_error>(snapshot.value(entry, 0));
    const auto target = targets_.find(index);
    if (target == targets_.end() || target->second.reported == error.count) continue;
    target->second.reported = error.count;
    OtaEvidence& evidence = fresh.emplace_back();
    evidence.cause = cause_of(error.error);
    evidence.device = mtd_name(index);
    evidence.offset = error.offset;
    evidence.status = errno_text(static_cast<int>(error.error));
    evidence.at_ns = static_cast<int64_t>(error.at_ns);
  }
  return fresh;
}

std::vector<OtaEvidence> MtdWatch::counted_errors() {
  std::vector<OtaEvidence> fresh;
  for (auto& [index, target] : targets_) {
    const auto counted = mtd_device(paths_, index);
    if (!counted || counted->ecc_failures == target.ecc_failures) continue;
    const bool more = counted->ecc_failures > target.ecc_failures;
    target.ecc_failures = counted->ecc_failures;
    if (!more) continue;  // another device by the same number
    OtaEvidence& evidence = fresh.emplace_back();
    evidence.cause = OtaCause::kMediaError;
    evidence.device = mtd_name(index);
    evidence.status = "ecc_failures is " + std::to_string(counted->ecc_failures);
    evidence.at_ns = ota_now().boottime_ns;
  }
  return fresh;
}

}  // namespace kernel_exporter

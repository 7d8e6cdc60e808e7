// SPDX-License-Identifier: Apache-2.0
#include "ota/watch/kernel_watch.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "bpf/block.h"
#include "host/cgroup.h"
#include "host/cgroup_mount.h"
#include "host/process.h"
#include "ota/tracker/device.h"

namespace kernel_exporter {
namespace {

constexpr std::chrono::milliseconds kPoll(200);
constexpr uint64_t kNoTransaction = 0;  // what the configuration alone wants bound

static_assert(static_cast<int>(OtaRole::kSlot) == OTA_ROLE_SLOT);
static_assert(static_cast<int>(OtaRole::kBootenv) == OTA_ROLE_BOOTENV);
static_assert(static_cast<int>(OtaRole::kData) == OTA_ROLE_DATA);

OtaCause cause_of(uint32_t status) {
  switch (status) {
    case BLOCK_STATUS_MEDIUM:
      return OtaCause::kMediaError;
    case BLOCK_STATUS_NO_SPACE:
      return OtaCause::kNoSpace;
    case BLOCK_STATUS_TIMEOUT:
      return OtaCause::kTimeout;
    default:
      return OtaCause::kIoError;
  }
}

bool is_there(const HostPaths& paths, const OtaProcess& process) {
  return process_start(paths, static_cast<pid_t>(process.id)) == process.start;
}

void complain(const Result<void>& result) {
  if (!result) spdlog::warn("updates: {}", result.error().message);
}

}  // namespace

OtaKernelWatch::OtaKernelWatch(std::shared_ptr<Generation> generation, OtaBindings bindings,
                               OtaTracker& tracker, const OtaConfig& config, HostPaths paths)
    : generation_(std::move(generation)),
      tracker_(tracker),
      paths_(std::move(paths)),
      bindings_(std::move(bindings)),
      flash_(generation_, paths_),
      starvation_(paths_, config.starved_ns) {
  bind_boot_environments(config);
  auto events = OtaKernelEvents::create(generation_, tracker, paths_);
  if (events) {
    events_ = std::move(*events);
  } else {
    spdlog::error("updates: kills and reboots are not detected: {}", events.error().message);
  }
  thread_ = std::jthread([this](const std::stop_token& token) { run(token); });
  tracker_.set_listener(this);
}

OtaKernelWatch::~OtaKernelWatch() { tracker_.set_listener(nullptr); }

void OtaKernelWatch::begun(const OtaTransaction& transaction) {
  {
    const Lock lock(mutex_);
    open_.insert(transaction.number);
    bind(transaction);
    complain(generation_->attach_requested(true));
    release_idle_devices();
  }
  wake_.notify_all();
}

void OtaKernelWatch::bind_boot_environments(const OtaConfig& config) {
  for (const auto& [path, role] : config.devices) {
    if (role != OtaRole::kBootenv) continue;
    OtaDevice device;
    device.path = path;
    device.role = role;
    if (!resolve_device(paths_, device) || flash_.bind(device, kNoTransaction)) continue;
    if (!device.block) continue;
    const BlockNumber number = {device.major, device.minor};
    complain(bindings_.bind_device(number, OTA_ROLE_BOOTENV));
    boot_environments_.insert(number);
  }
}

void OtaKernelWatch::bind(const OtaTransaction& transaction) {
  std::set<BlockNumber>& bound = devices_[transaction.number];
  for (OtaDevice device : transaction.devices) {
    // Numbers may be others since the reboot that a transaction outlived.
    const bool found = resolve_device(paths_, device);
    if (found && flash_.bind(device, transaction.number)) continue;
    if (!found || !device.block) {
      spdlog::warn("updates: {} is not a block or flash device: writes to it are not traced",
                   device.path);
      continue;
    }
    const BlockNumber number = {device.major, device.minor};
    complain(bindings_.bind_device(number, static_cast<ota_role>(device.role)));
    bound.insert(number);
  }
  if (!transaction.cgroup.empty()) cgroups_[transaction.number].path = transaction.cgroup;
  bind_cgroups();
  bind_process(transaction);
  if (transaction.cgroup.empty() && transaction.process.id == 0) {
    unnamed_.insert(transaction.number);
    complain(bindings_.set_unnamed(true));
  }
}

void OtaKernelWatch::bind_process(const OtaTransaction& transaction) {
  const OtaProcess& process = transaction.process;
  if (process.id == 0 || !is_there(paths_, process)) return;
  complain(bindings_.bind_process(static_cast<uint32_t>(process.id), transaction.number));
  processes_[transaction.number] = process;
  spdlog::info("ota transaction={}: following the process {}", transaction.number, process.id);
}

void OtaKernelWatch::unbind_ended_processes() {
  std::erase_if(processes_, [this](const auto& bound) REQUIRES(mutex_) {
    const OtaProcess& process = bound.second;
    if (is_there(paths_, process)) return false;
    complain(bindings_.unbind_process(static_cast<uint32_t>(process.id)));
    return true;
  });
}

void OtaKernelWatch::bind_cgroups() {
  if (!cgroup_root_) cgroup_root_ = open_cgroup_root(paths_).value_or(UniqueFd());
  for (auto& [transaction, cgroup] : cgroups_) {
    const auto id = cgroup_id(cgroup_root_, cgroup.path);
    if (!id || id == cgroup.id) continue;
    if (cgroup.id) complain(bindings_.unbind_cgroup(*cgroup.id));
    complain(bindings_.bind_cgroup(*id, transaction));
    starvation_.watch(transaction, cgroup.path);
    spdlog::info("ota transaction={}: following the cgroup {}", transaction, cgroup.path);
    cgroup.id = id;
  }
}

void OtaKernelWatch::release_idle_devices() {
  std::set<uint64_t> users = open_;
  users.insert(kNoTransaction);
  flash_.release(users);
  std::set<BlockNumber> wanted = boot_environments_;
  for (const uint64_t number : open_)
    wanted.insert(devices_[number].begin(), devices_[number].end());
  for (auto entry = devices_.begin(); entry != devices_.end();) {
    if (open_.contains(entry->first)) {
      ++entry;
      continue;
    }
    for (const BlockNumber device : entry->second) {
      if (!wanted.contains(device)) complain(bindings_.unbind_device(device));
    }
    complain(bindings_.forget(entry->first));
    entry = devices_.erase(entry);
  }
}

void OtaKernelWatch::ending(const OtaTransaction&) {
  report_errors();
  if (events_) events_->drain();
}

void OtaKernelWatch::ended(const OtaTransaction& transaction) {
  const Lock lock(mutex_);
  open_.erase(transaction.number);
  cgroups_.erase(transaction.number);
  processes_.erase(transaction.number);
  unnamed_.erase(transaction.number);
  complain(bindings_.set_unnamed(!unnamed_.empty()));
  if (open_.empty()) complain(generation_->attach_requested(false));
  starvation_.forget(transaction.number);
  complain(bindings_.retire(transaction.number));
}

// In the order in which they happened, which the maps do not keep.
std::vector<OtaEvidence> OtaKernelWatch::fresh_errors() {
  const Lock lock(mutex_);
  std::vector<OtaEvidence> fresh = flash_.fresh_errors();
  const auto errors = bindings_.last_errors();
  unreadable_.tried(errors);
  if (!errors) return fresh;
  for (const OtaDeviceError& error : *errors) {
    uint64_t& known = reported_[{error.device, error.error.status}];
    if (error.error.count == known) continue;
    known = error.error.count;
    OtaEvidence& evidence = fresh.emplace_back();
    evidence.cause = cause_of(error.error.status);
    evidence.device =
        block_device_name(paths_, error.device.major, error.device.minor).value_or("");
    evidence.offset = error.error.offset;
    evidence.status = errno_text(static_cast<int>(error.error.status));
    evidence.at_ns = static_cast<int64_t>(error.error.at_ns);
  }
  std::ranges::stable_sort(fresh, {}, &OtaEvidence::at_ns);
  return fresh;
}

// The tracker is called without our lock: it may be waiting for us in one of the calls above.
void OtaKernelWatch::report_errors() {
  for (const OtaEvidence& evidence : fresh_errors()) tracker_.evidence(evidence);
}

void OtaKernelWatch::look_at_tasks() {
  std::vector<std::pair<uint64_t, OtaEvidence>> starved;
  {
    const Lock lock(mutex_);
    bind_cgroups();
    unbind_ended_processes();
    starved = starvation_.look(tracker_.now().boottime_ns);
  }
  for (const auto& [transaction, evidence] : starved) {
    if (evidence.ended_ns) {
      tracker_.over(evidence.cause, transaction);
    } else {
      tracker_.evidence(evidence, transaction);
    }
  }
}

void OtaKernelWatch::look_at_bytes() {
  std::vector<uint64_t> writing;
  {
    const Lock lock(mutex_);
    const auto totals = bindings_.totals();
    if (!totals) return;
    std::map<uint64_t, uint64_t> written;
    for (const OtaWritten& total : *totals) {
      if (open_.contains(total.transaction)) written[total.transaction] += total.bytes;
    }
    for (const auto& [transaction, bytes] : written) {
      if (bytes > written_[transaction]) writing.push_back(transaction);
    }
    written_ = std::move(written);
  }
  for (const uint64_t transaction : writing) {
    tracker_.over(OtaCause::kNetworkStall, transaction);
  }
}

void OtaKernelWatch::run(const std::stop_token& token) {
  while (!token.stop_requested()) {
    {
      Lock lock(mutex_);
      if (!wake_.wait(lock, token, [this]() REQUIRES(mutex_) { return !open_.empty(); })) return;
      wake_.wait_for(lock, token, kPoll, [] { return false; });
    }
    if (token.stop_requested()) return;
    report_errors();
    look_at_tasks();
    look_at_bytes();
  }
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/engine_driver.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "host/cgroup.h"
#include "ota/tracker/device.h"

namespace kernel_exporter {
namespace {

constexpr size_t kMaxDetailBytes = 512;

bool working(const OtaTransaction& transaction) {
  return !transaction.states.test(index_of(OtaState::kRebooting)) &&
         !transaction.states.test(index_of(OtaState::kConfirming));
}

bool in_confirming(const OtaTransaction& transaction) {
  return transaction.states.test(index_of(OtaState::kConfirming));
}

std::string generated_id(const std::string& engine, int64_t wall_ms) {
  return fmt::format("{}-{:%Y%m%dT%H%M%SZ}", engine,
                     fmt::gmtime(static_cast<std::time_t>(wall_ms / 1000)));
}

// What engines say goes into log lines and messages of one line.
std::string one_line(std::string text) {
  if (text.size() > kMaxDetailBytes) text.resize(kMaxDetailBytes);
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return text;
}

void complain(const std::string& engine, const Result<OtaAnswer>& answer) {
  if (!answer) spdlog::warn("updates: {} is not followed: {}", engine, answer.error().message);
}

// Whether one of the paths leads to the same device, whatever symbolic links are on the way.
bool is_among(const HostPaths& paths, const OtaDevice& device,
              const std::vector<std::string>& others) {
  OtaDevice own = device;
  const bool there = resolve_device(paths, own);
  return std::any_of(others.begin(), others.end(), [&](const std::string& path) {
    if (path == own.path) return true;
    OtaDevice other;
    other.path = path;
    return there && resolve_device(paths, other) && own.block == other.block &&
           own.major == other.major && own.minor == other.minor;
  });
}

bool any_among(const HostPaths& paths, const OtaTransaction& transaction,
               const std::vector<std::string>& others) {
  return std::any_of(transaction.devices.begin(), transaction.devices.end(),
                     [&](const OtaDevice& device) { return is_among(paths, device, others); });
}

// Whether what runs is what the transaction wrote; nothing when that cannot be told: an agent may
// have named both slots, or the disk that they are on.
std::optional<bool> runs(const HostPaths& paths, const OtaTransaction& transaction,
                         const EngineBooted& booted) {
  const bool wrote_running = any_among(paths, transaction, booted.devices);
  const bool wrote_standby = any_among(paths, transaction, booted.standby);
  if (wrote_running != wrote_standby) return wrote_running;
  if (transaction.to.empty() || booted.version.empty()) return {};
  return transaction.to == booted.version;
}

}  // namespace

EngineDriver::EngineDriver(OtaTracker& tracker, const OtaConfig& config, HostPaths paths)
    : tracker_(tracker), roles_(config.devices), paths_(std::move(paths)) {
  for (const OtaTransactionPtr& open : tracker_.open_transactions()) {
    const OtaStates engines_work = states_of(OtaState::kVerifying) | states_of(OtaState::kApplying);
    // What an agent downloads before it calls the engine is none of the engine's.
    if ((open->states & engines_work).any()) left_over_[open->engine] = open->number;
  }
}

bool EngineDriver::confirming(std::string_view engine) const {
  for (const OtaTransactionPtr& open : tracker_.open_transactions()) {
    if (open->engine == engine) return in_confirming(*open);
  }
  return false;
}

void EngineDriver::handle(const EngineEvent& event) {
  const Lock lock(mutex_);
  std::visit([&](const auto& what) REQUIRES(mutex_) { on(event.engine, what); }, event.what);
}

void EngineDriver::on(const std::string& engine, const EngineStarted& started) {
  auto open = tracker_.book()->find_open({engine, ""});
  if (open && !working(**open)) {
    end(engine, OtaEvent::kEndFailed, OtaCause::kEngineError,
        "another installation began before this one was confirmed");
    open = fail("");
  }
  if (!open) begin(engine, started);
  const auto followed = tracker_.book()->find_open({engine, ""});
  if (!followed) return;
  followed_[engine] = (*followed)->number;
  on(engine, started.work);
}

void EngineDriver::begin(const std::string& engine, const EngineStarted& started) {
  OtaBegin request;
  request.id = generated_id(engine, tracker_.now().wall_ms);
  request.engine = engine;
  request.from = one_line(started.from);
  request.to = one_line(started.work.version);
  request.payload_bytes = started.work.payload_bytes.value_or(0);
  request.devices = devices_of(started);
  bind_tasks(started, request);
  request.needs_reboot = started.needs_reboot;
  complain(engine, tracker_.begin(std::move(request)));
}

// The slots that the engine names, and what is no slot from the configuration: an engine does not
// know that its boot environment is a device. None lets the configuration decide alone.
std::vector<OtaDevice> EngineDriver::devices_of(const EngineStarted& started) const {
  std::vector<OtaDevice> devices;
  for (const std::string& path : started.devices) {
    const auto configured = roles_.find(path);
    devices.emplace_back();
    devices.back().path = path;
    devices.back().role = configured != roles_.end() ? configured->second : OtaRole::kSlot;
  }
  if (devices.empty()) return devices;
  for (const auto& [path, role] : roles_) {
    if (role == OtaRole::kSlot) continue;
    OtaDevice device;
    device.path = path;
    device.role = role;
    if (!is_among(paths_, device, started.devices)) devices.push_back(std::move(device));
  }
  return devices;
}

// Everything is below the root cgroup, so that it tells nobody's writes from others': then only the
// service's own process does, and what it starts.
void EngineDriver::bind_tasks(const EngineStarted& started, OtaBegin& request) const {
  request.cgroup = started.cgroup;
  if (!started.cgroup.empty() || started.pid == 0) return;
  const auto cgroup = cgroup_of_process(paths_, started.pid);
  if (cgroup && *cgroup != "/") {
    request.cgroup = *cgroup;
  } else {
    request.process.id = started.pid;
  }
}

bool EngineDriver::follows(const OtaTransaction& open) const {
  const auto followed = followed_.find(open.engine);
  return followed != followed_.end() && followed->second == open.number;
}

// Whether the engine has an installation in progress that may end: one whose start was seen, or one
// that was open when this exporter started.
bool EngineDriver::installs(const std::string& engine) const {
  const auto open = tracker_.book()->find_open({engine, ""});
  if (!open || !working(**open)) return false;
  const auto left_over = left_over_.find(engine);
  return follows(**open) || (left_over != left_over_.end() && left_over->second == (*open)->number);
}

void EngineDriver::on(const std::string& engine, const EngineWorked& worked) {
  const auto open = tracker_.book()->find_open({engine, ""});
  if (!open || !follows(**open) || !working(**open)) return;
  OtaSet request;
  request.target.engine = engine;
  for (const OtaState state : worked.states) request.states |= states_of(state);
  request.progress = worked.progress;
  request.downloaded_bytes = worked.downloaded_bytes;
  request.to = one_line(worked.version);
  request.payload_bytes = worked.payload_bytes.value_or(0);
  complain(engine, tracker_.set(request));
}

void EngineDriver::on(const std::string& engine, const EngineInstalled& installed) {
  if (!installs(engine)) return;
  OtaSet last;
  last.target.engine = engine;
  last.progress = 1;
  last.to = one_line(installed.version);
  complain(engine, tracker_.set(last));
  end(engine, OtaEvent::kEndInstalled, OtaCause::kNone, installed.detail);
}

void EngineDriver::on(const std::string& engine, const EngineFailed& failed) {
  fail_installation(engine, failed.cause, failed.detail);
}

void EngineDriver::on(const std::string& engine, const EngineGone& gone) {
  fail_installation(engine, OtaCause::kEngineError, gone.detail);
}

void EngineDriver::fail_installation(const std::string& engine, OtaCause cause,
                                     const std::string& detail) {
  if (installs(engine)) end(engine, OtaEvent::kEndFailed, cause, detail);
}

void EngineDriver::on(const std::string& engine, const EngineBooted& booted) {
  std::vector<std::string> slots = booted.devices;
  slots.insert(slots.end(), booted.standby.begin(), booted.standby.end());
  tracker_.warn_of_ledger(slots);
  const auto open = tracker_.book()->find_open({engine, ""});
  if (!open || !in_confirming(**open)) return;
  const auto new_one = runs(paths_, **open, booted);
  if (!new_one) return;
  if (!*new_one) {
    const std::string what = booted.version.empty() ? "another slot" : "version " + booted.version;
    end(engine, OtaEvent::kEndRolledBack, OtaCause::kNone, what + " was booted instead");
  } else if (booted.confirmed) {
    end(engine, OtaEvent::kEndConfirmed, OtaCause::kNone, "");
  }
}

void EngineDriver::end(const std::string& engine, OtaEvent outcome, OtaCause cause,
                       const std::string& detail) {
  OtaEnd request;
  request.target.engine = engine;
  request.event = outcome;
  request.cause = cause;
  request.detail = one_line(detail);
  complain(engine, tracker_.end(request));
  followed_.erase(engine);
  left_over_.erase(engine);
}

}  // namespace kernel_exporter

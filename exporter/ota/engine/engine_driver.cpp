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
                         const EngineEvent& booted) {
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
  const std::lock_guard lock(mutex_);
  switch (event.kind) {
    case EngineEvent::Kind::kStarted:
      return start(event);
    case EngineEvent::Kind::kState:
    case EngineEvent::Kind::kProgress:
      return advance(event);
    case EngineEvent::Kind::kInstalled:
    case EngineEvent::Kind::kFailed:
    case EngineEvent::Kind::kGone:
      return finish(event);
    case EngineEvent::Kind::kConfirmed:
      return end_confirming(event, OtaEvent::kEndConfirmed);
    case EngineEvent::Kind::kRolledBack:
      return end_confirming(event, OtaEvent::kEndRolledBack);
    case EngineEvent::Kind::kBooted:
      return compare_booted(event);
  }
}

void EngineDriver::start(const EngineEvent& event) {
  auto open = tracker_.book()->find_open({event.engine, ""});
  if (open && !working(**open)) {
    end(event, OtaEvent::kEndFailed, OtaCause::kEngineError,
        "another installation began before this one was confirmed");
    open = fail("");
  }
  if (!open) begin(event);
  const auto followed = tracker_.book()->find_open({event.engine, ""});
  if (!followed) return;
  followed_[event.engine] = (*followed)->number;
  advance(event);
}

void EngineDriver::begin(const EngineEvent& event) {
  OtaBegin request;
  request.id = generated_id(event.engine, tracker_.now().wall_ms);
  request.engine = event.engine;
  request.from = one_line(event.from);
  request.to = one_line(event.version);
  request.payload_bytes = event.payload_bytes.value_or(0);
  request.devices = devices_of(event);
  bind_tasks(event, request);
  request.needs_reboot = event.needs_reboot;
  complain(event.engine, tracker_.begin(std::move(request)));
}

// The slots that the engine names, and what is no slot from the configuration: an engine does not
// know that its boot environment is a device. None lets the configuration decide alone.
std::vector<OtaDevice> EngineDriver::devices_of(const EngineEvent& event) const {
  std::vector<OtaDevice> devices;
  for (const std::string& path : event.devices) {
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
    if (!is_among(paths_, device, event.devices)) devices.push_back(std::move(device));
  }
  return devices;
}

// Everything is below the root cgroup, so that it tells nobody's writes from others': then only the
// service's own process does, and what it starts.
void EngineDriver::bind_tasks(const EngineEvent& event, OtaBegin& request) const {
  request.cgroup = event.cgroup;
  if (!event.cgroup.empty() || event.pid == 0) return;
  const auto cgroup = cgroup_of_process(paths_, event.pid);
  if (cgroup && *cgroup != "/") {
    request.cgroup = *cgroup;
  } else {
    request.process.id = event.pid;
  }
}

bool EngineDriver::follows(const EngineEvent& event, const OtaTransaction& open) {
  const auto followed = followed_.find(event.engine);
  return followed != followed_.end() && followed->second == open.number;
}

void EngineDriver::advance(const EngineEvent& event) {
  const auto open = tracker_.book()->find_open({event.engine, ""});
  if (!open || !follows(event, **open) || !working(**open)) return;
  OtaSet request;
  request.target.engine = event.engine;
  for (const OtaState state : event.states) request.states |= states_of(state);
  request.progress = event.progress;
  request.downloaded_bytes = event.downloaded_bytes;
  request.to = one_line(event.version);
  request.payload_bytes = event.payload_bytes.value_or(0);
  complain(event.engine, tracker_.set(request));
}

void EngineDriver::finish(const EngineEvent& event) {
  const auto open = tracker_.book()->find_open({event.engine, ""});
  if (!open || !working(**open)) return;
  const auto left_over = left_over_.find(event.engine);
  const bool before = left_over != left_over_.end() && left_over->second == (*open)->number;
  if (!before && !follows(event, **open)) return;
  if (event.kind != EngineEvent::Kind::kInstalled) {
    const OtaCause cause = event.cause == OtaCause::kNone ? OtaCause::kEngineError : event.cause;
    return end(event, OtaEvent::kEndFailed, cause, event.detail);
  }
  OtaSet last;
  last.target.engine = event.engine;
  last.progress = 1;
  last.to = one_line(event.version);
  complain(event.engine, tracker_.set(last));
  end(event, OtaEvent::kEndInstalled, OtaCause::kNone, event.detail);
}

void EngineDriver::end(const EngineEvent& event, OtaEvent outcome, OtaCause cause,
                       const std::string& detail) {
  OtaEnd request;
  request.target.engine = event.engine;
  request.event = outcome;
  request.cause = cause;
  request.detail = one_line(detail);
  complain(event.engine, tracker_.end(request));
  followed_.erase(event.engine);
  left_over_.erase(event.engine);
}

void EngineDriver::end_confirming(const EngineEvent& event, OtaEvent outcome) {
  if (confirming(event.engine)) end(event, outcome, event.cause, event.detail);
}

void EngineDriver::compare_booted(const EngineEvent& event) {
  const auto open = tracker_.book()->find_open({event.engine, ""});
  if (!open || !in_confirming(**open)) return;
  const auto new_one = runs(paths_, **open, event);
  if (!new_one) return;
  if (!*new_one) {
    const std::string what = event.version.empty() ? "another slot" : "version " + event.version;
    end(event, OtaEvent::kEndRolledBack, OtaCause::kNone, what + " was booted instead");
  } else if (event.confirmed) {
    end(event, OtaEvent::kEndConfirmed, OtaCause::kNone, "");
  }
}

}  // namespace kernel_exporter

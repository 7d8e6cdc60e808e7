// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/rauc/rauc_words.h"

#include <array>

#include "ota/engine/transfer_error.h"

namespace kernel_exporter {
namespace {

struct Step {
  std::string_view begins;
  OtaState state;
};

// Steps that are not listed leave the state as it is. Everything before is verifying: a bundle that
// RAUC downloads is downloaded within "Checking bundle", which it does not say.
constexpr std::array kSteps = {
    Step{"Updating slots", OtaState::kApplying},
    Step{"Copying image to", OtaState::kApplying},
};

struct Claim {
  std::string_view says;
  OtaCause cause;
  bool before_writing;  // only then
};

// An I/O error is not taken from the engine: whatever became of a write, fsync calls it that, while
// the kernel's own evidence has the right word. Once slots are written, a checksum that does not
// match speaks of the medium as much as of the bundle: that is for the kernel's evidence to decide.
constexpr std::array kClaims = {
    Claim{"No space left on device", OtaCause::kNoSpace, false},
    Claim{"signature", OtaCause::kVerifyFailed, true},
    Claim{"Signature", OtaCause::kVerifyFailed, true},
    Claim{"Invalid bundle", OtaCause::kVerifyFailed, true},
};

OtaCause claimed(std::string_view error, OtaState state) {
  for (const Claim& claim : kClaims) {
    if (claim.before_writing && state == OtaState::kApplying) continue;
    if (error.find(claim.says) != std::string_view::npos) return claim.cause;
  }
  return tells_broken_transfer(error) ? OtaCause::kNetworkStall : OtaCause::kEngineError;
}

// What happened to RAUC, as its only event.
std::vector<EngineEvent> only(auto what) { return {{"rauc", std::move(what)}}; }

bool runs(const RaucSlot& slot) { return slot.state == "booted" || slot.state == "active"; }

}  // namespace

bool RaucWords::is_standby(std::string_view slot) const {
  for (const RaucSlot& known : slots_) {
    if (known.name == slot) return !runs(known);
  }
  return false;
}

std::vector<EngineEvent> RaucWords::operation(std::string_view operation) {
  if (operation != "installing" || installing_) return {};
  ++begun_;
  installing_ = true;
  completed_ = false;
  percentage_ = -1;
  version_.clear();
  state_ = OtaState::kVerifying;
  EngineStarted started;
  started.work.states = {state_};
  started.pid = pid_;
  for (const RaucSlot& slot : slots_) {
    if (!runs(slot) && !slot.device.empty()) started.devices.push_back(slot.device);
    if (slot.state == "booted") started.from = slot.version;
  }
  return only(std::move(started));
}

std::vector<EngineEvent> RaucWords::progress(int percentage, std::string_view message) {
  if (!installing_) return {};
  EngineWorked worked;
  for (const Step& step : kSteps) {
    if (!message.starts_with(step.begins) || step.state == state_) continue;
    state_ = step.state;
    worked.states = {state_};
  }
  if (percentage != percentage_ && percentage >= 0 && percentage <= 100) {
    percentage_ = percentage;
    worked.progress = percentage / 100.0;
  }
  if (worked == EngineWorked()) return {};
  worked.version = version_;
  return only(std::move(worked));
}

EngineFailed RaucWords::failed() const { return {claimed(last_error_, state_), last_error_}; }

std::vector<EngineEvent> RaucWords::completed(int result) {
  if (!installing_) return {};
  installing_ = false;
  completed_ = result == 0;
  if (completed_) return {};
  return only(failed());
}

std::vector<EngineEvent> RaucWords::installed() {
  if (!completed_) return {};
  completed_ = false;
  EngineInstalled installed;
  std::string_view latest;
  for (const RaucSlot& slot : slots_) {
    if (runs(slot) || slot.installed < latest) continue;
    latest = slot.installed;
    installed.version = slot.version;
  }
  if (!version_.empty()) installed.version = version_;
  return only(std::move(installed));
}

std::vector<EngineEvent> RaucWords::ended_unseen(bool activated) {
  if (!installing_ && !completed_) version_.clear();  // of one before
  if (!completed_ && !last_error_.empty()) {
    installing_ = false;
    return only(failed());
  }
  if (completed_ || activated) {
    installing_ = false;
    completed_ = true;
    return installed();
  }
  if (installing_) return gone();
  return only(EngineGone{"RAUC's installation is no longer running"});
}

std::vector<EngineEvent> RaucWords::gone() {
  if (completed_) return installed();
  if (!installing_) return {};
  installing_ = false;
  return only(EngineGone{"the RAUC service ended during the installation"});
}

std::vector<EngineEvent> RaucWords::booted() const {
  EngineBooted booted;
  for (const RaucSlot& slot : slots_) {
    (runs(slot) ? booted.devices : booted.standby).push_back(slot.device);
    if (slot.state != "booted") continue;
    booted.version = slot.version;
    booted.confirmed = slot.boot_status == "good";
  }
  if (booted.devices.empty()) return {};
  return only(std::move(booted));
}

}  // namespace kernel_exporter

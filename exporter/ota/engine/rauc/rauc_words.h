// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "ota/engine/engine.h"

namespace kernel_exporter {

// One entry of GetSlotStatus.
struct RaucSlot {
  std::string name;
  std::string device;
  std::string state;        // "booted"; "active": belongs to what is booted; "inactive"
  std::string boot_status;  // "good" or "bad", of slots that a boot loader knows
  std::string version;      // of the bundle, where the status file has it
  std::string installed;    // when, ISO 8601 in UTC
};

// From the words of RAUC's D-Bus interface de.pengutronix.rauc.Installer (its manual, "D-Bus API")
// to engine events. Feed it what changes in the order it comes. Not thread-safe.
class RaucWords {
 public:
  void set_service(pid_t pid) { pid_ = pid; }
  pid_t service() const { return pid_; }
  void set_slots(std::vector<RaucSlot> slots) { slots_ = std::move(slots); }
  bool is_standby(std::string_view slot) const;
  // The version of the bundle that is being installed, "" while it is not known. RAUC does not say
  // it: slots have it after a success, and only where their status is kept.
  bool wants_version() const { return installing_ && version_.empty(); }
  void set_version(std::string version) { version_ = std::move(version); }

  // How many installations were seen to begin.
  uint64_t begun() const { return begun_; }

  // `Operation` became "idle" or "installing".
  std::vector<EngineEvent> operation(std::string_view operation);
  // `Progress` became (percentage, message, depth).
  std::vector<EngineEvent> progress(int percentage, std::string_view message);
  // `LastError` became this text; "" when an installation begins.
  void last_error(std::string_view text) { last_error_ = text; }
  // The signal Completed(result), 0 for success: then set_slots() should be heard before
  // installed(), since only now the slots know their version.
  std::vector<EngineEvent> completed(int result);
  std::vector<EngineEvent> installed();
  // The service is idle, and how its last installation ended was not heard. `activated`: a slot
  // that does not run is the one to be booted.
  std::vector<EngineEvent> ended_unseen(bool activated);
  // The service has left the bus.
  std::vector<EngineEvent> gone();
  // What runs; nothing while no slot is known to.
  std::vector<EngineEvent> booted() const;

 private:
  EngineFailed failed() const;

  pid_t pid_ = 0;
  std::vector<RaucSlot> slots_;
  uint64_t begun_ = 0;
  bool installing_ = false;
  bool completed_ = false;  // but installed() is yet to come
  OtaState state_ = OtaState::kIdle;
  int percentage_ = -1;
  std::string version_;
  std::string last_error_;
};

}  // namespace kernel_exporter

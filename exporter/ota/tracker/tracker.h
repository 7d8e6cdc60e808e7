// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "host/paths.h"
#include "ota/ledger/ledger.h"
#include "ota/model/clock.h"
#include "ota/tracker/book.h"
#include "ota/tracker/config.h"
#include "ota/tracker/listener.h"

namespace kernel_exporter {

struct OtaLedgerStatus {
  bool writable = true;
  std::string error;     // of the last write, "" when it went well
  uint64_t damaged = 0;  // stretches of the file that were no record when it was read
  uint64_t newer = 0;    // records of a later version, which were skipped
};

struct OtaAnswer {
  OtaTransaction transaction;
  std::vector<std::string> warnings;
};

// The transactions of this machine: what agents say, what was observed, and the ledger that keeps
// it. Every change is on the disk before anybody sees it; when the disk fails, it is seen all the
// same and the ledger's status says so. Thread-safe.
class OtaTracker {
 public:
  // Reads the ledger and completes what a reboot interrupted. Never fails: without a usable ledger
  // it starts empty.
  OtaTracker(const OtaConfig& config, HostPaths paths, std::string boot_id,
             OtaClock clock = ota_now, Ledger::Sync sync = {});
  ~OtaTracker();

  [[nodiscard]] Result<OtaAnswer> begin(OtaBegin request);
  [[nodiscard]] Result<OtaAnswer> set(const OtaSet& request);
  [[nodiscard]] Result<OtaAnswer> end(const OtaEnd& request);

  // Records what may explain a failure, durable when it returns. `at_ns` is CLOCK_BOOTTIME. Without
  // a number it belongs to the open transactions that have the device; false when to none, or when
  // it happened before their begin.
  bool evidence(const OtaEvidence& evidence, uint64_t number = 0);

  // A condition that was evidence does not hold any more; of a stalled download: bytes arrive. Kept
  // with the next change.
  void over(OtaCause cause, uint64_t number);

  // The kernel was asked for a reboot, durable when it returns: what it interrupts was no loss of
  // power. `who` is for people.
  void reboot_asked(const std::string& who);

  // The state as last shown; it does not change.
  std::shared_ptr<const OtaBook> book() const;
  std::vector<OtaTransactionPtr> open_transactions() const;
  OtaLedgerStatus ledger_status() const;
  OtaMoment now() const { return clock_(); }

  // Logs, once, that the ledger is on one of these slots.
  void warn_of_ledger(const std::vector<std::string>& slots);

  // null: nobody. What it was before is not called any more once this returns, but for a call that
  // makes it.
  void set_listener(OtaListener* listener);

  // Once a second: thresholds, and another try to write the ledger.
  void tick();

 private:
  void load() REQUIRES(change_mutex_);
  Result<uint64_t> announce_end(const OtaEnd& request);
  void persist(OtaBook& book, const OtaTransaction& transaction) REQUIRES(change_mutex_);
  Result<void> rewrite(OtaBook& book) REQUIRES(change_mutex_);
  void set_ledger_status(const Result<void>& written) REQUIRES(change_mutex_);
  void show(OtaBook book) REQUIRES(change_mutex_);
  void log(const OtaTransaction& transaction) const;
  std::vector<std::string> complete(OtaBegin& request) const;
  OtaAnswer answer(const OtaTransactionPtr& transaction, std::vector<std::string> warnings = {});

  const OtaConfig config_;
  const HostPaths paths_;
  const std::string boot_id_;
  const OtaClock clock_;

  // Taken by changes in this order; held while the disk writes.
  Mutex change_mutex_;
  Ledger ledger_ GUARDED_BY(change_mutex_);
  OtaMoment last_try_ GUARDED_BY(change_mutex_);  // to write a ledger that cannot be written
  bool warned_of_place_ GUARDED_BY(change_mutex_) = false;

  mutable Mutex view_mutex_;  // held for a moment only
  std::shared_ptr<const OtaBook> book_ GUARDED_BY(view_mutex_);
  OtaLedgerStatus ledger_status_ GUARDED_BY(view_mutex_);

  OtaNotices notices_;  // added with change_mutex_ held, delivered without
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "ota/ledger/record.h"
#include "ota/model/request.h"
#include "ota/model/transaction.h"

namespace kernel_exporter {

// What is known of one engine.
struct OtaEngine {
  bool configured = false;
  OtaTotals totals;  // restored from the ledger
  OtaTransactionPtr open;
  OtaTransactionPtr last;   // the last that ended
  int64_t activity_ms = 0;  // wall clock, 0: none yet

  // Since this process started: seconds and bytes restart at 0.
  std::array<int64_t, kOtaStateNames.size()> state_ns{};
  int64_t since_ns = 0;
  uint64_t downloaded_bytes = 0;

  int64_t advanced_ns = 0;       // CLOCK_BOOTTIME of the last advance of the open transaction
  bool downloaded_known = true;  // false after a restart, until its agent reports again
  bool stalled = false;
};

// What went wrong in the last transaction in which something did: the root of it so far.
struct OtaFailure {
  uint64_t transaction = 0;
  std::string engine;
  OtaCause cause = OtaCause::kNone;
  std::string device;
  std::optional<uint64_t> offset;
  int64_t at_ms = 0;
  std::optional<double> detection_seconds;  // from the kernel's event to the record
};

// All transactions and what may happen to them, without clock, file or thread: OtaTracker brings
// those. Copies are cheap (transactions are shared), so that a change can be prepared, made
// durable and only then shown.
class OtaBook {
 public:
  // Those of the configuration have a place. The others share what is left: for a new one, the one
  // that was not used for longest leaves, with its series; an open update stays.
  static constexpr size_t kMaxEngines = 16;
  static constexpr size_t kMaxEvidence = 16;  // of one transaction

  OtaBook(std::string boot_id, OtaMoment now) : boot_id_(std::move(boot_id)), start_(now) {}

  // Restoring: configure_engine() for those that shall be at 0 from the start, replay() for every
  // record of the ledger in its order, then recover() once.
  void configure_engine(const std::string& engine);
  void replay(const OtaRecord& record);
  // Completes what a reboot interrupted. Returns the transactions that changed.
  std::vector<OtaTransactionPtr> recover(OtaMoment now);

  // Each returns the transaction as it is after the change.
  [[nodiscard]] Result<OtaTransactionPtr> begin(const OtaBegin& request, OtaMoment now);
  [[nodiscard]] Result<OtaTransactionPtr> set(const OtaSet& request, OtaMoment now);
  [[nodiscard]] Result<OtaTransactionPtr> end(const OtaEnd& request, OtaMoment now);

  [[nodiscard]] Result<OtaTransactionPtr> find_open(const OtaTarget& target) const;
  // Null when that one is not open.
  OtaTransactionPtr open(uint64_t number) const;
  std::vector<OtaTransactionPtr> open_transactions() const;

  enum class Noted { kNothing, kRepeated, kNew };
  // Keeps an observation with an open transaction: the first of each cause and device whole, what
  // repeats as a count.
  Noted note(uint64_t number, const OtaEvidence& evidence);
  // A condition that was noted does not hold any more; of a stalled download: it goes on. False
  // when that transaction is not open.
  bool over(uint64_t number, OtaCause cause, OtaMoment now);
  // What was new is durable since `now`: it is the last failure, unless the same transaction has
  // one that explains it.
  void recorded(uint64_t number, const OtaEvidence& evidence, OtaMoment now);
  // The kernel was asked to end this boot; who asked is kept until an agent speaks again. Returns
  // the transactions that changed.
  std::vector<OtaTransactionPtr> reboot_asked(const std::string& who);
  // Observations of the clock alone: a download that does not advance, a transaction that takes too
  // long. 0 is no limit.
  std::vector<std::pair<uint64_t, OtaEvidence>> overdue(OtaMoment now, int64_t stall_ns,
                                                        int64_t timeout_ns);

  // Drops the oldest ended transactions beyond `keep`, but for the last of each engine.
  void trim(size_t keep);
  // The records that a new ledger starts with, the last one of a transaction each.
  std::vector<std::string> records(OtaMoment now) const;
  std::string record(const OtaTransaction& transaction, OtaMoment now) const;

  const std::map<std::string, OtaEngine>& engines() const { return engines_; }
  uint64_t forgotten_engines() const { return forgotten_engines_; }
  const std::deque<OtaTransactionPtr>& ended() const { return ended_; }  // oldest first
  const std::optional<OtaFailure>& last_failure() const { return last_failure_; }

  // Time of an engine in a state since this process started.
  int64_t state_ns(const OtaEngine& engine, OtaState state, int64_t boottime_ns) const;

 private:
  void know_engine(const std::string& engine);
  void forget_engines(size_t keep);
  void account(OtaEngine& engine, int64_t boottime_ns);
  static void over(OtaTransaction& transaction, std::span<const OtaCause> causes, OtaMoment now);
  void finish(OtaTransaction& transaction, OtaOutcome outcome, OtaMoment now);
  OtaTransactionPtr publish(OtaTransaction transaction);
  void recover_one(OtaTransaction& transaction, OtaMoment now);
  void remember_failure(const OtaTransaction& transaction);

  std::string boot_id_;
  OtaMoment start_;
  std::map<std::string, OtaEngine> engines_;
  std::deque<OtaTransactionPtr> ended_;
  std::optional<OtaFailure> last_failure_;
  uint64_t next_number_ = 1;
  uint64_t forgotten_engines_ = 0;
  std::map<uint64_t, std::string> boot_ids_;  // of open transactions while replaying
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/tracker/book.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

namespace kernel_exporter {
namespace {

OtaTransactionPtr shared(OtaTransaction transaction) {
  return std::make_shared<const OtaTransaction>(std::move(transaction));
}

std::string called(const OtaTransaction& transaction) {
  return fmt::format("transaction {} ({}) of {}", transaction.number, transaction.id,
                     transaction.engine);
}

// Only the work itself can be several things at once.
Result<void> check_together(OtaStates states) {
  const OtaStates work = states_of(OtaState::kDownloading) | states_of(OtaState::kVerifying) |
                         states_of(OtaState::kApplying);
  if (states.count() == 1 || (states & ~work).none()) return {};
  return fail("states " + names_of(states) +
              ": only downloading, verifying and applying can be combined");
}

void raise_to(auto& counts, const auto& known) {
  for (size_t i = 0; i < counts.size(); ++i) counts[i] = std::max(counts[i], known[i]);
}

}  // namespace

void OtaBook::know_engine(const std::string& engine) {
  const auto [known, added] = engines_.try_emplace(engine);
  if (added) known->second.since_ns = start_.boottime_ns;
}

void OtaBook::configure_engine(const std::string& engine) {
  know_engine(engine);
  engines_[engine].configured = true;
}

void OtaBook::forget_engines(size_t keep) {
  const auto last_number = [](const OtaEngine& engine) {
    return engine.last ? engine.last->number : 0;
  };
  while (engines_.size() > keep) {
    auto oldest = engines_.end();
    for (auto entry = engines_.begin(); entry != engines_.end(); ++entry) {
      if (entry->second.configured || entry->second.open) continue;
      const bool older =
          oldest == engines_.end() || last_number(entry->second) < last_number(oldest->second);
      if (older) oldest = entry;
    }
    if (oldest == engines_.end()) return;
    engines_.erase(oldest);
    ++forgotten_engines_;
  }
}

void OtaBook::account(OtaEngine& engine, int64_t boottime_ns) {
  for (size_t i = 0; i < kOtaStateNames.size(); ++i) {
    engine.state_ns[i] = state_ns(engine, static_cast<OtaState>(i), boottime_ns);
  }
  engine.since_ns = boottime_ns;
}

int64_t OtaBook::state_ns(const OtaEngine& engine, OtaState state, int64_t boottime_ns) const {
  const OtaStates states = engine.open ? engine.open->states : states_of(OtaState::kIdle);
  const int64_t passed = std::max<int64_t>(0, boottime_ns - engine.since_ns);
  return engine.state_ns[index_of(state)] + (states.test(index_of(state)) ? passed : 0);
}

OtaTransactionPtr OtaBook::publish(OtaTransaction transaction) {
  OtaEngine& engine = engines_.at(transaction.engine);
  engine.activity_ms = std::max(engine.activity_ms, transaction.activity_ms);
  OtaTransactionPtr published = shared(std::move(transaction));
  if (published->open()) {
    engine.open = published;
  } else {
    engine.open = nullptr;
    engine.last = published;
    ended_.push_back(published);
  }
  return published;
}

void OtaBook::replay(const OtaRecord& record) {
  for (const auto& [engine, totals] : record.totals) {
    know_engine(engine);
    raise_to(engines_[engine].totals.outcomes, totals.outcomes);
    raise_to(engines_[engine].totals.causes, totals.causes);
  }
  next_number_ = std::max(next_number_, record.next_number);
  if (!record.transaction) return;
  const OtaTransaction& told = *record.transaction;
  next_number_ = std::max(next_number_, told.number + 1);
  know_engine(told.engine);
  const OtaEngine& engine = engines_[told.engine];
  const bool old = std::any_of(ended_.begin(), ended_.end(), [&](const OtaTransactionPtr& ended) {
    return ended->number == told.number;
  });
  if (old) return;
  if (engine.open && engine.open->number != told.number) {
    // The record of its end was damaged; the counters come from the totals of later records.
    OtaTransaction lost = *engine.open;
    lost.outcome = OtaOutcome::kInterrupted;
    lost.states.reset();
    lost.detail = "the record of its end was lost";
    lost.ended_ms = lost.activity_ms;
    publish(std::move(lost));
  }
  publish(told);
  if (told.open()) boot_ids_[told.number] = record.boot_id;
  if (!told.open()) remember_failure(told);
}

void OtaBook::recover_one(OtaTransaction& transaction, OtaMoment now) {
  const auto boot = boot_ids_.find(transaction.number);
  if (boot != boot_ids_.end() && boot->second == boot_id_) return;
  const auto reached = transition(transaction.states, OtaEvent::kNewBoot);
  if (!reached || reached->outcome) {
    const std::string state = " in state " + names_of(transaction.states);
    const bool asked = !transaction.reboot.empty();
    transaction.cause = asked ? OtaCause::kNone : OtaCause::kPowerLoss;
    transaction.detail = asked ? "rebooted" + state + ": " + transaction.reboot
                               : "the machine went down" + state + " without an announced reboot";
    finish(transaction, OtaOutcome::kInterrupted, now);
    return;
  }
  // The time from the start of this boot belongs to what it is for.
  transaction.since_ns = 0;
  transaction.reboot.clear();
  transaction.states = states_of(*reached->state);
  transaction.account(now.boottime_ns);
}

std::vector<OtaTransactionPtr> OtaBook::recover(OtaMoment now) {
  std::vector<OtaTransactionPtr> changed;
  for (const OtaTransactionPtr& open : open_transactions()) {
    OtaEngine& engine = engines_.at(open->engine);
    engine.downloaded_known = false;
    engine.advanced_ns = now.boottime_ns;
    OtaTransaction transaction = *open;
    recover_one(transaction, now);
    if (transaction == *open) continue;
    changed.push_back(publish(std::move(transaction)));
  }
  boot_ids_.clear();
  forget_engines(kMaxEngines);
  return changed;
}

Result<OtaTransactionPtr> OtaBook::begin(const OtaBegin& request, OtaMoment now) {
  if (!engines_.contains(request.engine)) forget_engines(kMaxEngines - 1);
  if (!engines_.contains(request.engine) && engines_.size() >= kMaxEngines) {
    return fail(fmt::format(
        "engine \"{}\": {} engines are in the configuration or have an open update; name this one "
        "in `engines` of --ota.config",
        request.engine, engines_.size()));
  }
  know_engine(request.engine);
  OtaEngine& engine = engines_[request.engine];
  if (engine.open) {
    return fail(called(*engine.open) + " is still open in state " + names_of(engine.open->states) +
                "; end it first");
  }
  account(engine, now.boottime_ns);
  engine.advanced_ns = now.boottime_ns;
  engine.downloaded_known = true;
  engine.stalled = false;
  OtaTransaction transaction;
  transaction.number = next_number_++;
  transaction.id = request.id;
  transaction.engine = request.engine;
  transaction.from = request.from;
  transaction.to = request.to;
  transaction.payload_bytes = request.payload_bytes;
  transaction.devices = request.devices;
  transaction.cgroup = request.cgroup;
  transaction.process = request.process;
  transaction.needs_reboot = request.needs_reboot;
  transaction.since_ns = now.boottime_ns;
  transaction.started_ms = now.wall_ms;
  transaction.activity_ms = now.wall_ms;
  return publish(std::move(transaction));
}

Result<OtaTransactionPtr> OtaBook::set(const OtaSet& request, OtaMoment now) {
  auto found = find_open(request.target);
  if (!found) return found;
  OtaTransaction transaction = **found;
  for (size_t i = 0; i < request.states.size(); ++i) {
    if (!request.states.test(i)) continue;
    const auto reached = transition(transaction.states, setting(static_cast<OtaState>(i)));
    if (!reached) return fail(reached.error(), called(transaction));
  }
  if (request.states.any()) {
    if (const auto fine = check_together(request.states); !fine) return fail(fine.error().message);
  }
  OtaEngine& engine = engines_.at(transaction.engine);
  account(engine, now.boottime_ns);
  transaction.account(now.boottime_ns);
  transaction.reboot.clear();
  if (request.states.any()) transaction.states = request.states;
  if (request.progress) transaction.progress = request.progress;
  if (transaction.to.empty()) transaction.to = request.to;
  if (transaction.payload_bytes == 0) transaction.payload_bytes = request.payload_bytes;
  if (request.downloaded_bytes) {
    const uint64_t before = transaction.downloaded_bytes;
    const uint64_t after = *request.downloaded_bytes;
    // Beyond 64 bits the counter stands still; it never goes back.
    const uint64_t room = std::numeric_limits<uint64_t>::max() - engine.downloaded_bytes;
    if (engine.downloaded_known && after > before) {
      engine.downloaded_bytes += std::min(after - before, room);
    }
    engine.downloaded_known = true;
    transaction.downloaded_bytes = after;
  }
  const bool advanced = transaction.states != (*found)->states ||
                        transaction.progress != (*found)->progress ||
                        transaction.downloaded_bytes != (*found)->downloaded_bytes;
  if (advanced) {
    over(transaction, std::array{OtaCause::kNetworkStall, OtaCause::kNoSpace}, now);
    engine.advanced_ns = now.boottime_ns;
    engine.stalled = false;
  }
  transaction.activity_ms = now.wall_ms;
  return publish(std::move(transaction));
}

void OtaBook::finish(OtaTransaction& transaction, OtaOutcome outcome, OtaMoment now) {
  OtaTotals& totals = engines_.at(transaction.engine).totals;
  transaction.outcome = outcome;
  transaction.states.reset();
  transaction.ended_ms = now.wall_ms;
  ++totals.outcomes[index_of(outcome)];
  if (transaction.cause == OtaCause::kNone) return;
  ++totals.causes[index_of(transaction.cause)];
  remember_failure(transaction);
}

Result<OtaTransactionPtr> OtaBook::end(const OtaEnd& request, OtaMoment now) {
  auto found = find_open(request.target);
  if (!found) return found;
  OtaTransaction transaction = **found;
  auto reached = transition(transaction.states, request.event);
  if (!reached) return fail(reached.error(), called(transaction));
  if (request.event == OtaEvent::kEndInstalled && !transaction.needs_reboot) {
    reached = OtaTransition{{}, OtaOutcome::kSucceeded};
  }
  account(engines_.at(transaction.engine), now.boottime_ns);
  transaction.account(now.boottime_ns);
  transaction.activity_ms = now.wall_ms;
  transaction.detail = request.detail;
  if (reached->state) {
    over(transaction,
         std::array{OtaCause::kNetworkStall, OtaCause::kNoSpace, OtaCause::kStarved,
                    OtaCause::kTimeout},
         now);
    transaction.states = states_of(*reached->state);
    return publish(std::move(transaction));
  }
  if (*reached->outcome != OtaOutcome::kSucceeded) {
    const OtaVerdict verdict =
        decide_cause(transaction.evidence, {0, transaction.elapsed_ns}, request.cause);
    transaction.cause = verdict.cause;
    if (transaction.cause == OtaCause::kNone && *reached->outcome == OtaOutcome::kFailed) {
      transaction.cause = OtaCause::kEngineError;
    }
    if (verdict.evidence) {
      transaction.cause_device = verdict.evidence->device;
      transaction.cause_offset = verdict.evidence->offset;
      if (transaction.detail.empty()) transaction.detail = verdict.evidence->status;
    }
  }
  finish(transaction, *reached->outcome, now);
  return publish(std::move(transaction));
}

Result<OtaTransactionPtr> OtaBook::find_open(const OtaTarget& target) const {
  std::vector<OtaTransactionPtr> fitting;
  for (const OtaTransactionPtr& open : open_transactions()) {
    if (!target.engine.empty() && open->engine != target.engine) continue;
    if (!target.id.empty() && open->id != target.id) continue;
    fitting.push_back(open);
  }
  if (fitting.size() == 1) return fitting.front();
  if (fitting.size() > 1) return fail("more than one transaction is open, name the engine");
  std::string wanted;
  if (!target.engine.empty()) wanted += " of engine " + target.engine;
  if (!target.id.empty()) wanted += " with id " + target.id;
  return fail("no transaction" + wanted + " is open");
}

OtaTransactionPtr OtaBook::open(uint64_t number) const {
  for (const auto& [name, engine] : engines_) {
    if (engine.open && engine.open->number == number) return engine.open;
  }
  return nullptr;
}

std::vector<OtaTransactionPtr> OtaBook::open_transactions() const {
  std::vector<OtaTransactionPtr> open;
  for (const auto& [name, engine] : engines_) {
    if (engine.open) open.push_back(engine.open);
  }
  return open;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "ota/tracker/book.h"

namespace kernel_exporter {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

bool has_seen(const OtaTransaction& transaction, OtaCause cause) {
  return std::any_of(transaction.evidence.begin(), transaction.evidence.end(),
                     [&](const OtaEvidence& seen) { return seen.cause == cause; });
}

}  // namespace

OtaBook::Noted OtaBook::note(uint64_t number, const OtaEvidence& evidence) {
  const OtaTransactionPtr found = open(number);
  if (!found || evidence.cause == OtaCause::kNone) return Noted::kNothing;
  OtaTransaction transaction = *found;
  // From the kernel's clock to the transaction's own; before its begin nothing concerns it.
  const int64_t at_ns = transaction.elapsed_ns + evidence.at_ns - transaction.since_ns;
  if (at_ns < 0 || (transaction.waits() && !evidence.of_medium())) return Noted::kNothing;
  std::optional<int64_t> began_ns;
  if (evidence.began_ns)
    began_ns = std::max<int64_t>(0, at_ns + *evidence.began_ns - evidence.at_ns);
  for (OtaEvidence& seen : transaction.evidence) {
    if (seen.cause != evidence.cause || seen.device != evidence.device) continue;
    // It was over, and has now begun again.
    const bool back = seen.ended_ns.has_value();
    if (back) seen.began_ns = began_ns.value_or(at_ns);
    seen.ended_ns.reset();
    seen.sent &= evidence.sent;
    if (!seen.offset) seen.offset = evidence.offset;
    seen.count += evidence.count;
    publish(std::move(transaction));
    return back ? Noted::kNew : Noted::kRepeated;
  }
  if (transaction.evidence.size() >= kMaxEvidence) return Noted::kNothing;
  OtaEvidence& seen = transaction.evidence.emplace_back(evidence);
  seen.at_ns = at_ns;
  seen.began_ns = began_ns;
  publish(std::move(transaction));
  return Noted::kNew;
}

void OtaBook::over(OtaTransaction& transaction, std::span<const OtaCause> causes, OtaMoment now) {
  const int64_t at_ns = transaction.elapsed_ns + now.boottime_ns - transaction.since_ns;
  for (OtaEvidence& seen : transaction.evidence) {
    if (std::ranges::find(causes, seen.cause) == causes.end()) continue;
    if (seen.ended_ns || seen.of_medium()) continue;
    seen.ended_ns = std::max(at_ns, seen.at_ns);
  }
}

bool OtaBook::over(uint64_t number, OtaCause cause, OtaMoment now) {
  const OtaTransactionPtr found = open(number);
  if (!found) return false;
  OtaTransaction transaction = *found;
  over(transaction, std::array{cause}, now);
  if (cause == OtaCause::kNetworkStall) {
    OtaEngine& engine = engines_.at(transaction.engine);
    engine.advanced_ns = now.boottime_ns;
    engine.stalled = false;
  }
  publish(std::move(transaction));
  return true;
}

void OtaBook::recorded(uint64_t number, const OtaEvidence& evidence, OtaMoment now) {
  const bool same = last_failure_ && last_failure_->transaction == number;
  const OtaTransactionPtr transaction = open(number);
  const OtaVerdict root =
      decide_cause(transaction->evidence, {0, std::numeric_limits<int64_t>::max()});
  if (same && (root.cause != evidence.cause || root.evidence->device != evidence.device)) return;
  last_failure_ = OtaFailure{number,
                             transaction->engine,
                             evidence.cause,
                             evidence.device,
                             evidence.offset,
                             now.wall_ms,
                             double(now.boottime_ns - evidence.at_ns) / kSecondNs};
}

std::vector<OtaTransactionPtr> OtaBook::reboot_asked(const std::string& who) {
  std::vector<OtaTransactionPtr> changed;
  for (const OtaTransactionPtr& open : open_transactions()) {
    OtaTransaction transaction = *open;
    transaction.reboot = who;
    changed.push_back(publish(std::move(transaction)));
  }
  return changed;
}

std::vector<std::pair<uint64_t, OtaEvidence>> OtaBook::overdue(OtaMoment now, int64_t stall_ns,
                                                               int64_t timeout_ns) {
  std::vector<std::pair<uint64_t, OtaEvidence>> found;
  for (auto& [name, engine] : engines_) {
    if (!engine.open) continue;
    const OtaTransaction& open = *engine.open;
    const int64_t still_ns = now.boottime_ns - engine.advanced_ns;
    const bool downloading = open.states.test(index_of(OtaState::kDownloading));
    OtaEvidence evidence;
    evidence.at_ns = now.boottime_ns;
    if (stall_ns > 0 && downloading && still_ns > stall_ns && !engine.stalled) {
      engine.stalled = true;
      evidence.cause = OtaCause::kNetworkStall;
      evidence.began_ns = engine.advanced_ns;
      evidence.status = fmt::format("no download progress for {} s", still_ns / kSecondNs);
      found.emplace_back(open.number, evidence);
    }
    const int64_t elapsed_ns = open.elapsed_ns + now.boottime_ns - open.since_ns;
    if (timeout_ns > 0 && elapsed_ns > timeout_ns && !has_seen(open, OtaCause::kTimeout)) {
      evidence.cause = OtaCause::kTimeout;
      evidence.began_ns.reset();
      evidence.status = fmt::format("not ended after {} s", elapsed_ns / kSecondNs);
      found.emplace_back(open.number, evidence);
    }
  }
  return found;
}

void OtaBook::remember_failure(const OtaTransaction& transaction) {
  if (transaction.cause == OtaCause::kNone) return;
  // What was seen when it happened is not made later by the end that it led to.
  const bool same = last_failure_ && last_failure_->transaction == transaction.number;
  if (same && last_failure_->cause == transaction.cause) return;
  last_failure_ = OtaFailure{transaction.number,
                             transaction.engine,
                             transaction.cause,
                             transaction.cause_device,
                             transaction.cause_offset,
                             transaction.ended_ms,
                             {}};
}

void OtaBook::trim(size_t keep) {
  std::set<uint64_t> last;
  for (const auto& [name, engine] : engines_) {
    if (engine.last) last.insert(engine.last->number);
  }
  size_t surplus = ended_.size() > keep ? ended_.size() - keep : 0;
  std::erase_if(ended_, [&](const OtaTransactionPtr& ended) {
    if (surplus == 0 || last.contains(ended->number)) return false;
    --surplus;
    return true;
  });
}

std::string OtaBook::record(const OtaTransaction& transaction, OtaMoment now) const {
  OtaRecord record{boot_id_, now, transaction, {}, 0};
  if (!transaction.open()) {
    record.totals[transaction.engine] = engines_.at(transaction.engine).totals;
  }
  return encode_record(record);
}

std::vector<std::string> OtaBook::records(OtaMoment now) const {
  OtaRecord totals{boot_id_, now, {}, {}, next_number_};
  for (const auto& [name, engine] : engines_) totals.totals[name] = engine.totals;
  std::vector<std::string> records = {encode_record(totals)};
  for (const OtaTransactionPtr& ended : ended_) {
    records.push_back(encode_record({boot_id_, now, *ended, {}, 0}));
  }
  for (const OtaTransactionPtr& open : open_transactions()) {
    records.push_back(encode_record({boot_id_, now, *open, {}, 0}));
  }
  return records;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/tracker/tracker.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "host/cgroup.h"
#include "host/cgroup_mount.h"
#include "host/process.h"
#include "ota/tracker/device.h"

namespace kernel_exporter {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kRetryNs = 10 * kSecondNs;

std::string place_of(const std::string& device, std::optional<uint64_t> offset) {
  if (device.empty()) return "";
  return fmt::format(" device={}{}", device, offset ? fmt::format(" offset={}", *offset) : "");
}

// What ends a line, when there is any.
std::string ending(const std::string& text) { return text.empty() ? "" : " " + text; }

// Fills in when the process started, or says why it cannot be followed and leaves none.
std::optional<std::string> find_process(const HostPaths& paths, OtaProcess& process) {
  if (process.id == 0) return std::nullopt;
  const auto id = static_cast<pid_t>(process.id);
  const auto start = id == process.id && id > 0 ? process_start(paths, id) : std::nullopt;
  const std::string name = "process " + std::to_string(process.id);
  process = start ? OtaProcess{process.id, *start} : OtaProcess{};
  if (!start) return name + " does not exist: its writes cannot be attributed";
  if (sees_kernel_process_ids(paths)) return std::nullopt;
  process = {};
  return name +
         " cannot be followed, because the exporter runs in its own PID namespace: run it in the "
         "host's";
}

}  // namespace

OtaTracker::OtaTracker(const OtaConfig& config, HostPaths paths, std::string boot_id,
                       OtaClock clock, Ledger::Sync sync)
    : config_(config),
      paths_(std::move(paths)),
      boot_id_(std::move(boot_id)),
      clock_(std::move(clock)),
      ledger_(config.ledger, std::move(sync)) {
  std::vector<std::string> slots;
  for (const auto& [path, role] : config_.devices) {
    if (role == OtaRole::kSlot) slots.push_back(path);
  }
  warn_of_ledger(slots);
  if (const auto warning = ledger_in_memory(config_.ledger)) spdlog::warn("{}", *warning);
  const Lock lock(change_mutex_);
  load();
}

void OtaTracker::warn_of_ledger(const std::vector<std::string>& slots) {
  std::vector<OtaDevice> devices;
  for (const std::string& path : slots) {
    OtaDevice device;
    device.path = path;
    if (resolve_device(paths_, device)) devices.push_back(std::move(device));
  }
  const auto warning = ledger_on_device(paths_, config_.ledger, devices);
  const Lock lock(change_mutex_);
  if (!warning || warned_of_place_) return;
  spdlog::warn("{}", *warning);
  warned_of_place_ = true;
}

// What a clean stop knows and a power loss does not: the time up to now.
OtaTracker::~OtaTracker() {
  const Lock lock(change_mutex_);
  OtaBook book = *this->book();
  // What could not be written so far has its last chance.
  if (ledger_.needs_replacement()) set_ledger_status(rewrite(book));
  for (const OtaTransactionPtr& open : book.open_transactions()) {
    OtaTransaction transaction = *open;
    transaction.account(clock_().boottime_ns);
    if (!ledger_.append(book.record(transaction, clock_()))) return;
  }
}

void OtaTracker::load() {
  const OtaMoment now = clock_();
  OtaBook book(boot_id_, now);
  for (const std::string& engine : config_.engines) book.configure_engine(engine);
  const auto records = ledger_.load();
  if (!records) spdlog::error("{}; starting without the ledger", records.error().message);
  OtaLedgerStatus status;
  if (records) {
    status.damaged = records->damaged;
    status.newer = records->newer_frames.size();
    for (const std::string& payload : records->payloads) {
      const auto record = decode_record(payload);
      if (record) {
        book.replay(*record);
      } else {
        ++status.damaged;
      }
    }
  }
  if (status.damaged > 0 || status.newer > 0) {
    spdlog::warn("ledger {}: {} damaged and {} newer records skipped", config_.ledger,
                 status.damaged, status.newer);
  }
  {
    const Lock lock(view_mutex_);
    ledger_status_ = std::move(status);
  }
  const auto changed = book.recover(now);
  book.trim(config_.keep_transactions);
  // A new file at once shows whether it can be written, and leaves damage behind.
  if (!changed.empty() || ledger_.needs_replacement()) set_ledger_status(rewrite(book));
  show(std::move(book));
  for (const OtaTransactionPtr& transaction : changed) log(*transaction);
}

Result<void> OtaTracker::rewrite(OtaBook& book) {
  // Half of the limit leaves room to append; otherwise each change would write all of it.
  size_t keep = config_.keep_transactions;
  auto records = book.records(clock_());
  const auto too_large = [&] {
    size_t bytes = 0;
    for (const std::string& record : records) bytes += frame_record(record).size();
    return bytes > config_.ledger_max_bytes / 2;
  };
  while (too_large() && keep > 1) {
    keep = std::min(keep, book.ended().size()) / 2;
    book.trim(std::max<size_t>(keep, 1));
    records = book.records(clock_());
  }
  return ledger_.replace(records);
}

void OtaTracker::persist(OtaBook& book, const OtaTransaction& transaction) {
  const std::string record = book.record(transaction, clock_());
  const bool fits = ledger_.size() + frame_record(record).size() <= config_.ledger_max_bytes;
  auto written = fits ? ledger_.append(record) : rewrite(book);
  if (fits && !written) written = rewrite(book);
  set_ledger_status(written);
}

void OtaTracker::set_ledger_status(const Result<void>& written) {
  last_try_ = clock_();
  const Lock lock(view_mutex_);
  if (written && !ledger_status_.writable)
    spdlog::info("ledger {} is writable again", config_.ledger);
  if (!written && ledger_status_.error != written.error().message) {
    spdlog::error("{}; continuing without the ledger, changes would be lost at a restart",
                  written.error().message);
  }
  ledger_status_.writable = written.has_value();
  ledger_status_.error = written ? "" : written.error().message;
}

void OtaTracker::show(OtaBook book) {
  auto shown = std::make_shared<const OtaBook>(std::move(book));
  const Lock lock(view_mutex_);
  book_ = std::move(shown);
}

std::shared_ptr<const OtaBook> OtaTracker::book() const {
  const Lock lock(view_mutex_);
  return book_;
}

std::vector<OtaTransactionPtr> OtaTracker::open_transactions() const {
  return book()->open_transactions();
}

OtaLedgerStatus OtaTracker::ledger_status() const {
  const Lock lock(view_mutex_);
  return ledger_status_;
}

void OtaTracker::log(const OtaTransaction& transaction) const {
  if (transaction.open()) {
    spdlog::info("ota transaction={} id={} engine={} state={}", transaction.number, transaction.id,
                 transaction.engine, names_of(transaction.states));
    return;
  }
  // A failed update is news of the vehicle, no fault of the exporter.
  const auto level =
      transaction.outcome == OtaOutcome::kSucceeded ? spdlog::level::info : spdlog::level::warn;
  spdlog::log(level, "ota transaction={} id={} engine={} result={} cause={}{} seconds={:.3f}{}",
              transaction.number, transaction.id, transaction.engine, name_of(*transaction.outcome),
              name_of(transaction.cause),
              place_of(transaction.cause_device, transaction.cause_offset),
              static_cast<double>(transaction.elapsed_ns) / kSecondNs, ending(transaction.detail));
}

void OtaTracker::set_listener(OtaListener* listener) {
  uint64_t notice = 0;
  {
    const Lock lock(change_mutex_);
    notice = notices_.listen(listener, open_transactions());
  }
  notices_.deliver(notice);
}

std::vector<std::string> OtaTracker::complete(OtaBegin& request) const {
  std::vector<std::string> warnings;
  if (request.devices.empty()) {
    for (const auto& [path, role] : config_.devices) {
      request.devices.emplace_back();
      request.devices.back().path = path;
      request.devices.back().role = role;
    }
  }
  for (OtaDevice& device : request.devices) {
    if (!resolve_device(paths_, device)) {
      warnings.push_back("device " + device.path + " does not exist yet");
    }
  }
  request.cgroup = cgroup_below_root(paths_, request.cgroup);
  if (!request.cgroup.empty() &&
      !cgroup_id(open_cgroup_root(paths_).value_or(UniqueFd()), request.cgroup)) {
    warnings.push_back("cgroup " + request.cgroup +
                       " does not exist yet: its writes cannot be attributed until it does");
  }
  if (auto warning = find_process(paths_, request.process)) warnings.push_back(*warning);
  if (auto warning = ledger_on_device(paths_, config_.ledger, request.devices)) {
    warnings.push_back(*warning);
  }
  return warnings;
}

OtaAnswer OtaTracker::answer(const OtaTransactionPtr& transaction,
                             std::vector<std::string> warnings) {
  const OtaLedgerStatus ledger = ledger_status();
  if (!ledger.writable) warnings.push_back(ledger.error);
  return {*transaction, std::move(warnings)};
}

Result<OtaAnswer> OtaTracker::begin(OtaBegin request) {
  auto warnings = complete(request);
  OtaTransactionPtr begun;
  uint64_t notice = 0;
  {
    const Lock lock(change_mutex_);
    OtaBook book = *this->book();
    const auto changed = book.begin(request, clock_());
    if (!changed) return fail(changed.error().message);
    begun = *changed;
    notice = notices_.add(&OtaListener::begun, begun);
    persist(book, *begun);
    show(std::move(book));
  }
  log(*begun);
  notices_.deliver(notice);
  for (const std::string& warning : warnings) {
    spdlog::warn("ota transaction={}: {}", begun->number, warning);
  }
  return answer(begun, std::move(warnings));
}

Result<OtaAnswer> OtaTracker::set(const OtaSet& request) {
  const Lock lock(change_mutex_);
  OtaBook book = *this->book();
  const auto before = book.find_open(request.target);
  const auto changed = book.set(request, clock_());
  if (!changed) return fail(changed.error().message);
  // Progress is not worth a write to the medium that is being updated.
  const bool transition = (*before)->states != (*changed)->states;
  if (transition) persist(book, **changed);
  show(std::move(book));
  if (transition) log(**changed);
  return answer(*changed);
}

// Gives the listener the time to hand in what explains the end. Returns the transaction's number.
Result<uint64_t> OtaTracker::announce_end(const OtaEnd& request) {
  uint64_t number = 0;
  uint64_t notice = 0;
  {
    const Lock lock(change_mutex_);
    const auto open = book()->find_open(request.target);
    if (!open) return fail(open.error().message);
    number = (*open)->number;
    if (request.event != OtaEvent::kEndInstalled) {
      notice = notices_.add(&OtaListener::ending, *open);
    }
  }
  notices_.deliver(notice);
  return number;
}

Result<OtaAnswer> OtaTracker::end(const OtaEnd& request) {
  const auto number = announce_end(request);
  if (!number) return fail(number.error().message);
  OtaTransactionPtr ended;
  uint64_t notice = 0;
  {
    const Lock lock(change_mutex_);
    OtaBook book = *this->book();
    if (!book.open(*number)) {
      return fail(fmt::format("transaction {} has ended meanwhile", *number));
    }
    const auto changed = book.end(request, clock_());
    if (!changed) return fail(changed.error().message);
    ended = *changed;
    if (!ended->open()) notice = notices_.add(&OtaListener::ended, ended);
    book.trim(config_.keep_transactions);
    persist(book, *ended);
    show(std::move(book));
  }
  log(*ended);
  notices_.deliver(notice);
  return answer(ended);
}

bool OtaTracker::evidence(const OtaEvidence& evidence, uint64_t number) {
  const Lock lock(change_mutex_);
  OtaBook book = *this->book();
  bool noted = false;
  // What is installed on a device is not to blame for who works on it now.
  const auto all = book.open_transactions();
  const bool at_work = std::any_of(all.begin(), all.end(), [&](const OtaTransactionPtr& open) {
    return !open->waits() && open->has_device(evidence.device);
  });
  for (const OtaTransactionPtr& open : all) {
    const bool own = open->has_device(evidence.device) && !(at_work && open->waits());
    if (number != 0 ? open->number != number : !own) continue;
    const auto outcome = book.note(open->number, evidence);
    noted |= outcome != OtaBook::Noted::kNothing;
    if (outcome != OtaBook::Noted::kNew) continue;
    persist(book, *book.open(open->number));
    book.recorded(open->number, evidence, clock_());
    spdlog::error("ota transaction={} engine={} evidence cause={}{}{}", open->number, open->engine,
                  name_of(evidence.cause), place_of(evidence.device, evidence.offset),
                  ending(evidence.status));
  }
  if (noted) show(std::move(book));
  return noted;
}

void OtaTracker::over(OtaCause cause, uint64_t number) {
  const Lock lock(change_mutex_);
  OtaBook book = *this->book();
  if (book.over(number, cause, clock_())) show(std::move(book));
}

void OtaTracker::reboot_asked(const std::string& who) {
  const Lock lock(change_mutex_);
  OtaBook book = *this->book();
  for (const OtaTransactionPtr& changed : book.reboot_asked(who)) {
    persist(book, *changed);
    spdlog::warn("ota transaction={} engine={} reboot: {}", changed->number, changed->engine, who);
  }
  show(std::move(book));
}

void OtaTracker::tick() {
  std::vector<std::pair<uint64_t, OtaEvidence>> overdue;
  {
    const Lock lock(change_mutex_);
    const OtaMoment now = clock_();
    OtaBook book = *this->book();
    overdue = book.overdue(now, config_.stall_ns, config_.timeout_ns);
    const bool retry =
        !ledger_status().writable && now.boottime_ns - last_try_.boottime_ns >= kRetryNs;
    if (retry) set_ledger_status(rewrite(book));
    if (retry || !overdue.empty()) show(std::move(book));
  }
  for (const auto& [number, seen] : overdue) evidence(seen, number);
}

}  // namespace kernel_exporter

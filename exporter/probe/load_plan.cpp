// SPDX-License-Identifier: Apache-2.0
#include "probe/load_plan.h"

#include <algorithm>
#include <utility>

#include "probe/needs.h"

namespace kernel_exporter {
namespace {

constexpr std::string_view kVariantMark = "__";

// A program without its variant, and the variant.
std::pair<std::string, std::string> split_variant(const std::string& name, bool has_variants) {
  const size_t mark = has_variants ? name.find(kVariantMark) : std::string::npos;
  if (mark == std::string::npos) return {name, ""};
  return {name.substr(0, mark), name.substr(mark + kVariantMark.size())};
}

bool belongs_to(const std::string& program, const ProbeRequest& request, bool by_conventions) {
  if (!request.programs.empty()) return request.programs.contains(program);
  return !by_conventions || program == request.probe || program.starts_with(request.probe + "_");
}

}  // namespace

LoadPlan::LoadPlan(const ObjectInfo& object, std::span<const ProbeRequest> probes,
                   const ObjectSource& source, const ObjectSettings& settings,
                   const KernelBtf* kernel)
    : settings_(settings), kernel_(kernel), by_conventions_(source.follows_conventions()) {
  const bool has_variants =
      by_conventions_ || std::any_of(object.programs.begin(), object.programs.end(),
                                     [](const auto& program) { return !program.needs.empty(); });
  for (const ObjectInfo::Program& program : object.programs) {
    const auto [role, variant] = split_variant(program.name, has_variants);
    for (const ProbeRequest& request : probes) {
      if (!belongs_to(role, request, by_conventions_)) continue;
      // SEC("?...") asks to be left alone unless it is named.
      if (!by_conventions_ && !program.autoload && request.programs.empty()) continue;
      add(program, request.probe, role, variant);
      break;
    }
  }
  for (Role& role : roles_) choose_variant(role);
}

void LoadPlan::add(const ObjectInfo::Program& program, const std::string& probe,
                   const std::string& role, const std::string& variant) {
  const size_t index = statuses_.size();
  const Event event = event_of_section(program.section);
  ProgramStatus& status = statuses_.emplace_back();
  status.probe = probe;
  status.program = role;
  status.variant = variant;
  status.mechanism = event.mechanism;
  status.target = event.target;
  status.on_request = by_conventions_ && !program.autoload;
  programs_.push_back(&program);
  size_t found = 0;
  while (found < roles_.size() && statuses_[roles_[found].variants.front()].program != role) {
    ++found;
  }
  if (found == roles_.size()) roles_.emplace_back();
  roles_[found].variants.push_back(index);
  role_of_.push_back(found);
}

std::optional<Refusal> LoadPlan::objection(size_t index) const {
  const ProgramStatus& status = statuses_[index];
  if (auto refusal = refuse_event({status.mechanism, status.target}, kernel_)) return refusal;
  for (const std::string& need : programs_[index]->needs) {
    if (auto reason = unmet_need(need, kernel_, settings_.assume_missing)) {
      // A program for kernels that lack something is not missed on one that has it.
      const bool spare = need.starts_with('!');
      return Refusal{spare ? AttachState::kNotNeeded : AttachState::kUnsupported,
                     std::move(*reason)};
    }
  }
  return std::nullopt;
}

void LoadPlan::choose_variant(Role& role) {
  for (; role.next < role.variants.size(); ++role.next) {
    const size_t index = role.variants[role.next];
    const std::optional<Refusal> refusal = objection(index);
    if (!refusal) return;
    statuses_[index].state = refusal->state;
    statuses_[index].reason = refusal->reason;
  }
}

std::vector<size_t> LoadPlan::chosen() const {
  std::vector<size_t> indexes;
  for (const Role& role : roles_) {
    if (role.next < role.variants.size()) indexes.push_back(role.variants[role.next]);
  }
  return indexes;
}

bool LoadPlan::reject(size_t index, Refusal refusal) {
  statuses_[index].state = refusal.state;
  statuses_[index].reason = std::move(refusal.reason);
  Role& role = roles_[role_of_[index]];
  ++role.next;
  choose_variant(role);
  return role.next < role.variants.size();
}

void LoadPlan::accept(size_t index, int fd) {
  ProgramStatus& status = statuses_[index];
  status.state = status.on_request ? AttachState::kIdle : AttachState::kAttached;
  status.reason = status.on_request ? kIdleReason : "";
  status.fd = fd;
  const std::string work = status.variant.empty() ? "the first variant is used"
                                                  : "variant " + status.variant + " is used";
  const Role& role = roles_[role_of_[index]];
  for (size_t place = 0; place < role.variants.size(); ++place) {
    ProgramStatus& other = statuses_[role.variants[place]];
    const bool passed = place < role.next;
    if (place == role.next || (passed && other.state != AttachState::kUnsupported)) continue;
    other.state = AttachState::kNotNeeded;
    other.reason = passed ? work + "; " + other.reason : work;
  }
}

}  // namespace kernel_exporter

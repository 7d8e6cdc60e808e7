// SPDX-License-Identifier: Apache-2.0
#include "metrics/source_state.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/utf8.h"
#include "metrics/labels.h"

namespace kernel_exporter {
namespace {

Value field_value(const Field& field, std::span<const std::byte> key) {
  Value value;
  const auto bytes = key.subspan(field.offset, field.size);
  value.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  switch (field.kind) {
    case FieldKind::kUnsigned: {
      const uint64_t number = read_integer(field, key);
      value.number = static_cast<int64_t>(number);
      value.text = std::to_string(number);
      break;
    }
    case FieldKind::kSigned:
    case FieldKind::kEnum: {
      const auto number = static_cast<int64_t>(read_integer(field, key));
      const auto name = field.enumerators.find(number);
      value.number = number;
      value.text = name == field.enumerators.end() ? std::to_string(number) : name->second;
      break;
    }
    default:
      value.text = value.bytes.substr(0, value.bytes.find('\0'));
  }
  return value;
}

}  // namespace

Value SourceState::text_in_value(const Field& field, const Row& row) {
  Value value;
  for (uint32_t cpu = 0; cpu < row.snapshot.cpus && value.text.empty(); ++cpu) {
    value = field_value(field, row.snapshot.value(row.entry, cpu));
  }
  return value;
}

std::span<uint64_t> SourceState::last(const Entry& entry) {
  return std::span(last_).subspan(entry.slot * width_, width_);
}

uint32_t SourceState::take_slot() {
  if (!free_slots_.empty()) {
    const uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  }
  last_.resize(last_.size() + width_);
  return static_cast<uint32_t>(last_.size() / width_ - 1);
}

void SourceState::apply(const SourcePlan& plan, const FamilyPlan& family_plan,
                        const Snapshot& snapshot, FamilyState& family) {
  width_ = family_plan.width;
  numbers_.resize(width_);
  ++generation_;
  seen_ = 0;
  position_ = 0;
  std::string id;
  for (size_t i = 0; i < snapshot.entries; ++i) {
    const auto key = snapshot.key(i);
    id.assign(reinterpret_cast<const char*>(key.data()), snapshot.identity_size);
    if (!plan.per_cpu_label) {
      std::fill(numbers_.begin(), numbers_.end(), 0);
      for (uint32_t cpu = 0; cpu < snapshot.cpus; ++cpu) {
        plan.value.add(snapshot.value(i, cpu), numbers_);
      }
      apply_entry(plan, family_plan, id, {snapshot, i, 0}, family);
      continue;
    }
    for (uint32_t cpu = 0; cpu < snapshot.cpus; ++cpu) {
      std::fill(numbers_.begin(), numbers_.end(), 0);
      plan.value.add(snapshot.value(i, cpu), numbers_);
      id.resize(snapshot.identity_size);
      id.append(reinterpret_cast<const char*>(&cpu), sizeof cpu);
      apply_entry(plan, family_plan, id, {snapshot, i, cpu}, family);
    }
  }
  relabel_ = false;
  order_.resize(position_);  // what is left is not erased below
  if (seen_ != entries_.size()) drop_vanished(plan, family_plan, family);
}

// The kernel lists the same keys in the same order: the key that stood here before is looked at
// first, which spares the hashing and most of the cache misses.
std::pair<SourceState::Item*, bool> SourceState::find_or_add(std::string_view id) {
  if (position_ == order_.size()) order_.push_back(nullptr);
  Item*& item = order_[position_++];
  if (item != nullptr && item->first == id) return {item, false};
  const auto found = entries_.find(id);
  if (found != entries_.end()) {
    item = &*found;
    return {item, false};
  }
  Entry entry;
  entry.slot = take_slot();
  recall(id, last(entry));
  item = &*entries_.emplace(id, entry).first;
  return {item, true};
}

void SourceState::apply_entry(const SourcePlan& plan, const FamilyPlan& family_plan,
                              std::string_view id, const Row& row, FamilyState& family) {
  const auto [item, fresh] = find_or_add(id);
  Entry& entry = item->second;
  const bool promoted = family.is_other(entry.series) && family.may_have_room();
  if (fresh || !entry.cacheable || relabel_ || promoted)
    label(plan, family_plan, row, family, entry);
  if (entry.generation == generation_) return;  // the key came twice: it counts once
  entry.generation = generation_;
  ++seen_;
  if (family_plan.header.type != MetricType::kGauge) detect_restart(plan.value, entry, family);
  std::ranges::copy(numbers_, last(entry).begin());
  if (entry.series != kExcluded) family.add_live(entry.series, numbers_);
}

void SourceState::label(const SourcePlan& plan, const FamilyPlan& family_plan, const Row& row,
                        FamilyState& family, Entry& entry) {
  const std::span<const std::byte> key = row.snapshot.key(row.entry);
  entry.cacheable = row.snapshot.identity_size == row.snapshot.key_size;
  labels_.clear();
  for (const LabelPlan& label : plan.labels) {
    if (label.constant) {
      labels_.push_back(*label.constant);
    } else if (label.per_cpu) {
      labels_.push_back(std::to_string(row.cpu));
    } else {
      Value value =
          label.in_value ? text_in_value(label.field, row) : field_value(label.field, key);
      for (const auto& decoder : label.chain) decoder->decode(value, key);
      entry.cacheable = entry.cacheable && value.cacheable && !label.in_value;
      labels_.push_back(to_valid_utf8(value.text));
    }
  }
  uint32_t series = kExcluded;
  if (!plan.where || plan.where->matches({labels_, key})) {
    packed_.clear();
    for (const size_t index : plan.label_order) append_packed(packed_, labels_[index]);
    series = family.find_or_add(packed_);
    if (series == FamilyState::kNone) series = without_room(family, entry);
  }
  move(entry, series, family_plan.header.type == MetricType::kGauge, family);
}

// "other" holds only keys that never had a series of their own: a key that got another name when
// there is no room for it keeps the series that it has.
uint32_t SourceState::without_room(FamilyState& family, const Entry& entry) {
  return entry.series == kExcluded ? family.other() : entry.series;
}

// What the key has counted so far stays with the series that showed it; the new one counts on from
// here.
void SourceState::move(Entry& entry, uint32_t series, bool gauge, FamilyState& family) {
  if (series == entry.series) return;
  if (series != kExcluded) {
    family.hold(series);
    if (family.is_other(series)) family.count_overflow();
    if (!gauge) family.unretire(series, last(entry));
  }
  if (entry.series != kExcluded) {
    if (!gauge) family.retire(entry.series, last(entry));
    family.release(entry.series);
  }
  entry.series = series;
}

// A lower number: the key was deleted and created again between two scrapes. It can only have
// wrapped around if the field has less than 64 bits and the total is not lower; then only this
// field restarts.
void SourceState::detect_restart(const ValuePlan& value, const Entry& entry, FamilyState& family) {
  if (entry.series == kExcluded) return;
  const auto before = last(entry);
  bool lower = false;
  bool wrapped = true;
  for (size_t i = 0; i < width_; ++i) {
    if (numbers_[i] >= before[i]) continue;
    lower = true;
    wrapped = wrapped && value.number_size(i) < sizeof(uint64_t);
  }
  if (!lower) return;
  const size_t counts = value.type == MetricType::kHistogram ? width_ - 1 : 1;
  const auto total = [counts](std::span<const uint64_t> numbers) {
    return std::reduce(numbers.begin(), numbers.begin() + static_cast<ptrdiff_t>(counts));
  };
  if (wrapped && total(numbers_) >= total(before)) {
    for (size_t i = 0; i < width_; ++i) {
      if (numbers_[i] >= before[i]) before[i] = 0;
    }
  }
  family.retire(entry.series, before);
}

void SourceState::drop_vanished(const SourcePlan& plan, const FamilyPlan& family_plan,
                                FamilyState& family) {
  const bool gauge = family_plan.header.type == MetricType::kGauge;
  std::erase_if(entries_, [&](const auto& item) {
    const Entry& entry = item.second;
    if (entry.generation == generation_) return false;
    if (!plan.source.empty()) remember(item.first, entry);
    give_up(entry, gauge, family);
    free_slots_.push_back(entry.slot);
    return true;
  });
}

// The host goes on counting for what is out of sight: a device in another network namespace, a file
// that could not be read. A key of a BPF map that is gone starts at 0.
void SourceState::remember(const std::string& id, const Entry& entry) {
  if (departed_.size() == kRemembered) departed_.pop_front();
  const auto numbers = last(entry);
  departed_.emplace_back(id, std::vector<uint64_t>(numbers.begin(), numbers.end()));
}

// What the key had counted before it went, if it has gone on counting from there: that stays where
// it was counted and is not counted again. Zeros otherwise.
void SourceState::recall(std::string_view id, std::span<uint64_t> before) {
  std::ranges::fill(before, 0);
  const auto found = std::ranges::find(departed_, id, &Departed::first);
  if (found == departed_.end()) return;
  if (std::ranges::equal(numbers_, found->second, std::ranges::greater_equal())) {
    std::ranges::copy(found->second, before.begin());
  }
  departed_.erase(found);
}

void SourceState::forget(std::string_view id, const FamilyPlan& family_plan, FamilyState& family) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  give_up(found->second, family_plan.header.type == MetricType::kGauge, family);
  free_slots_.push_back(found->second.slot);
  std::ranges::replace(order_, &*found, nullptr);
  entries_.erase(found);
}

void SourceState::give_up(const Entry& entry, bool gauge, FamilyState& family) {
  if (entry.series == kExcluded) return;
  if (!gauge) family.retire(entry.series, last(entry));
  family.release(entry.series);
}

void SourceState::retire_all(const FamilyPlan& family_plan, FamilyState& family) {
  for (const auto& [id, entry] : entries_) {
    give_up(entry, family_plan.header.type == MetricType::kGauge, family);
  }
  entries_.clear();
  departed_.clear();
  order_.clear();
  last_.clear();
  free_slots_.clear();
}

}  // namespace kernel_exporter

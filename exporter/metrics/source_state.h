// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "metrics/family_state.h"
#include "probe/snapshot.h"
#include "rules/plan.h"

namespace kernel_exporter {

// What one rule remembers of its map's keys between scrapes: the series each counts for and its
// last numbers. From these it knows keys that vanished, were evicted, or started again lower. Used
// under the scrape lock.
class SourceState {
 public:
  // Brings the family's live and retired parts up to the snapshot.
  void apply(const SourcePlan& plan, const FamilyPlan& family_plan, const Snapshot& snapshot,
             FamilyState& family);

  // After a reload under the same family: asks the new rule for the series of every key again.
  void relabel() { relabel_ = true; }

  // Gives one key up that was removed from the map after the last apply().
  void forget(std::string_view id, const FamilyPlan& family_plan, FamilyState& family);

  // Gives every key up, so that what they counted stays in the family.
  void retire_all(const FamilyPlan& family_plan, FamilyState& family);

  size_t keys() const { return entries_.size(); }

 private:
  static constexpr uint32_t kExcluded = UINT32_MAX;  // `where` leaves the key out

  struct Entry {
    uint32_t series = kExcluded;
    uint32_t slot = 0;  // last_[slot * width ...]
    uint64_t generation = 0;
    bool cacheable = true;
  };

  struct Row {
    const Snapshot& snapshot;
    size_t entry;
    uint32_t cpu;  // where the CPU is a label
  };

  using Departed = std::pair<std::string, std::vector<uint64_t>>;  // id, last numbers
  static constexpr size_t kRemembered = 256;

  using Entries = std::unordered_map<std::string, Entry, TextHash, std::equal_to<>>;
  using Item = Entries::value_type;

  std::pair<Item*, bool> find_or_add(std::string_view id);  // true: it is new
  void apply_entry(const SourcePlan& plan, const FamilyPlan& family_plan, std::string_view id,
                   const Row& row, FamilyState& family);
  void label(const SourcePlan& plan, const FamilyPlan& family_plan, const Row& row,
             FamilyState& family, Entry& entry);
  static Value text_in_value(const Field& field, const Row& row);
  void move(Entry& entry, uint32_t series, bool gauge, FamilyState& family);
  void detect_restart(const ValuePlan& value, const Entry& entry, FamilyState& family);
  static uint32_t without_room(FamilyState& family, const Entry& entry);
  void drop_vanished(const SourcePlan& plan, const FamilyPlan& family_plan, FamilyState& family);
  void remember(const std::string& id, const Entry& entry);
  void recall(std::string_view id, std::span<uint64_t> before);
  void give_up(const Entry& entry, bool gauge, FamilyState& family);
  uint32_t take_slot();
  std::span<uint64_t> last(const Entry& entry);

  size_t width_ = 1;
  Entries entries_;
  std::deque<Departed> departed_;
  std::vector<Item*> order_;  // of the last snapshot's entries, CPU by CPU where labelled
  size_t position_ = 0;
  std::vector<uint64_t> last_;
  std::vector<uint32_t> free_slots_;
  std::vector<uint64_t> numbers_;    // of the entry at hand
  std::vector<std::string> labels_;  // of the entry at hand
  std::string packed_;               // and what they come to
  uint64_t generation_ = 0;
  size_t seen_ = 0;
  bool relabel_ = false;
};

}  // namespace kernel_exporter

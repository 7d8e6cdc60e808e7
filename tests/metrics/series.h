// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "metrics/source_state.h"

namespace kernel_exporter {

// Keys of 4 bytes with a value of `Numbers` unsigned numbers a CPU, as a map of the kernel's.
class FakeMap {
 public:
  explicit FakeMap(uint32_t cpus = 1, uint32_t number_size = 8, uint32_t numbers = 1)
      : cpus_(cpus), number_size_(number_size), numbers_(numbers) {}

  // The numbers of one key: CPU after CPU.
  std::map<uint32_t, std::vector<uint64_t>> entries;

  void set(uint32_t key, uint64_t number) {
    entries[key] = std::vector<uint64_t>(cpus_ * numbers_, 0), entries[key][0] = number;
  }

  Snapshot snapshot() const {
    Snapshot result;
    result.key_size = result.identity_size = 4;
    result.value_size = result.value_stride = number_size_ * numbers_;
    result.cpus = cpus_;
    for (const auto& [key, values] : entries) append(result, key, values);
    return result;
  }

  void append(Snapshot& to, uint32_t key, const std::vector<uint64_t>& values) const {
    const auto* bytes = reinterpret_cast<const std::byte*>(&key);
    to.keys.insert(to.keys.end(), bytes, bytes + sizeof key);
    for (const uint64_t value : values) {
      const auto* number = reinterpret_cast<const std::byte*>(&value);
      to.values.insert(to.values.end(), number, number + number_size_);
    }
    ++to.entries;
  }

 private:
  uint32_t cpus_;
  uint32_t number_size_;
  uint32_t numbers_;
};

// A decoder from a function, for names that change.
class NameOf : public Decoder {
 public:
  explicit NameOf(std::function<std::string(uint32_t)> name, bool cacheable)
      : name_(std::move(name)), cacheable_(cacheable) {}
  void decode(Value& value, std::span<const std::byte>) const override {
    value.text = name_(static_cast<uint32_t>(*value.number));
    value.cacheable = cacheable_;
  }

 private:
  std::function<std::string(uint32_t)> name_;
  bool cacheable_;
};

inline Field number_field(uint32_t offset, uint32_t size, FieldKind kind = FieldKind::kUnsigned) {
  Field field;
  field.offset = offset;
  field.size = size;
  field.kind = kind;
  return field;
}

// One rule and its family with the one label `name`, fed with snapshots of a FakeMap.
class Series {
 public:
  explicit Series(MetricType type = MetricType::kCounter, uint64_t limit = 1000,
                  uint32_t number_size = 8)
      : family_({"name"}, 1, limit, type == MetricType::kGauge) {
    family_plan_.header.type = source_.value.type = type;
    family_plan_.label_names = {"name"};
    source_.value.number = number_field(0, number_size);
    LabelPlan& label = source_.labels.emplace_back();
    label.name = "name";
    label.field = number_field(0, 4);
    source_.label_order = {0};
  }

  SourcePlan& rule() { return source_; }
  FamilyPlan& family_plan() { return family_plan_; }
  FamilyState& family() { return family_; }
  SourceState& state() { return state_; }

  void decode(std::function<std::string(uint32_t)> name, bool cacheable) {
    source_.labels[0].chain.push_back(std::make_unique<NameOf>(std::move(name), cacheable));
  }

  // A histogram of `slots` counts and a sum, or a summary of a count and a sum.
  void make_distribution(MetricType type, uint32_t slots, uint32_t slot_size = 8) {
    family_plan_.header.type = source_.value.type = type;
    if (type == MetricType::kHistogram) {
      Field array = number_field(0, slots * slot_size, FieldKind::kArray);
      array.element_size = slot_size;
      array.count = slots;
      source_.value.slots = array;
      source_.value.buckets = slots;
    }
    source_.value.sum = number_field(slots * slot_size, slot_size);
    family_plan_.width = source_.value.width();
    family_ = FamilyState({"name"}, family_plan_.width, 1000, false);
  }

  void scrape(const Snapshot& snapshot) {
    family_.start_scrape();
    state_.apply(source_, family_plan_, snapshot, family_);
  }
  void scrape(const FakeMap& map) { scrape(map.snapshot()); }

  // All numbers by the label's value.
  std::map<std::string, std::vector<uint64_t>> all() const {
    std::map<std::string, std::vector<uint64_t>> series;
    for (uint32_t i = 0; i < family_.size(); ++i) {
      if (!family_.exists(i)) continue;
      std::vector<uint64_t> numbers(family_plan_.width);
      family_.read(i, numbers);
      series[std::string(family_.labels(i).pairs().front().value)] = numbers;
    }
    return series;
  }
  std::map<std::string, uint64_t> shown() const {
    std::map<std::string, uint64_t> series;
    for (const auto& [name, numbers] : all()) series[name] = numbers[0];
    return series;
  }

 private:
  SourcePlan source_;
  FamilyPlan family_plan_;
  FamilyState family_;
  SourceState state_;
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "rules/plan.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace kernel_exporter {
namespace {

uint64_t element(std::span<const std::byte> value, const Field& array, size_t index) {
  const size_t offset = array.offset + index * array.element_size;
  if (offset + array.element_size > value.size()) return 0;
  const std::byte* at = value.data() + offset;
  uint64_t number = 0;
  std::memcpy(&number, at, array.element_size);  // little-endian, as every target of ours
  return number;
}

}  // namespace

size_t ValuePlan::width() const {
  switch (type) {
    case MetricType::kHistogram:
      return buckets + 1;
    case MetricType::kSummary:
      return 2;
    default:
      return 1;
  }
}

uint32_t ValuePlan::number_size(size_t i) const {
  if (sum && i + 1 == width()) return sum->size;
  return slots ? slots->element_size : number.size;
}

bool ValuePlan::reads_same(const ValuePlan& other) const {
  const auto place = [](const Field& field) { return std::pair(field.offset, field.size); };
  const auto optional_place = [&](const std::optional<Field>& field) {
    return field ? std::optional(place(*field)) : std::nullopt;
  };
  return type == other.type && place(number) == place(other.number) &&
         optional_place(slots) == optional_place(other.slots) &&
         optional_place(sum) == optional_place(other.sum) && buckets == other.buckets;
}

void ValuePlan::add(std::span<const std::byte> value, std::span<uint64_t> out) const {
  const uint64_t total = sum ? read_integer(*sum, value) : 0;
  if (type == MetricType::kHistogram) {
    // An object of others may have more slots than the rule has bounds: all beyond the last one.
    for (size_t i = 0; i < slots->count; ++i) {
      out[std::min(i, buckets - 1)] += element(value, *slots, i);
    }
    out[buckets] += total;
  } else if (type == MetricType::kSummary && slots) {
    for (size_t i = 0; i < slots->count; ++i) out[0] += element(value, *slots, i);
    out[1] += total;
  } else {
    out[0] += read_integer(number, value);
    if (type == MetricType::kSummary) out[1] += total;
  }
}

void SourcePlan::order_labels(const std::vector<std::string>& names) {
  label_order.clear();
  for (const std::string& name : names) {
    const auto label = std::ranges::find(labels, name, &LabelPlan::name);
    label_order.push_back(static_cast<size_t>(label - labels.begin()));
  }
}

std::string difference(const ProgramSignature& one, const ProgramSignature& other) {
  std::set<std::string> names;
  for (const auto& [name, demand] : one) {
    const auto same = other.find(name);
    if (same == other.end() || same->second != demand) names.insert(name);
  }
  for (const auto& [name, demand] : other) {
    if (!one.contains(name)) names.insert(name);
  }
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

ProgramSignature Plan::program_signature() const {
  ProgramSignature signature;
  for (const ObjectPlan& object : objects) {
    const bool embedded = object.source.is_embedded();
    const std::string of = embedded ? "" : " of " + object.source.name();
    if (!embedded) {
      signature["object " + object.source.name()] = std::to_string(object.image_hash);
    }
    for (const ProbeRequest& probe : object.probes) {
      std::string& programs = signature["probe " + probe.probe + of];
      for (const std::string& program : probe.programs) programs += program + '\n';
    }
    for (const auto& [name, bytes] : object.settings.constants) {
      signature["value of constant " + name + of] = {reinterpret_cast<const char*>(bytes.data()),
                                                     bytes.size()};
    }
    for (const auto& [map, entries] : object.settings.max_entries) {
      signature["size of map " + map + of] = std::to_string(entries);
    }
  }
  return signature;
}

}  // namespace kernel_exporter

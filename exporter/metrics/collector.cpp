// SPDX-License-Identifier: Apache-2.0
#include "metrics/collector.h"

#include <linux/bpf.h>

#include <algorithm>

#include "metrics/family_stream.h"
#include "metrics/host_snapshot.h"
#include "probe/map_keys.h"
#include "probe/map_type.h"

namespace kernel_exporter {
namespace {

bool same_family(const FamilyPlan& one, const FamilyPlan& other) {
  return one.header.name == other.header.name && one.header.type == other.header.type &&
         one.header.buckets.bounds == other.header.buckets.bounds &&
         one.label_names == other.label_names && one.unit == other.unit && one.width == other.width;
}

}  // namespace

Collector::Collector(Plan plan, std::shared_ptr<const Generation> generation, HostTables& host,
                     SystemTime loaded)
    : plan_(std::move(plan)), generation_(std::move(generation)), host_(host), loaded_(loaded) {
  build();
  for (CgroupSelection& selection : cgroups_) selection.update(host_.cgroups);
}

void Collector::build() {
  maps_.clear();
  cgroups_.clear();
  families_.clear();
  for (const FamilyPlan& family : plan_.families) {
    const bool gauge = family.header.type == MetricType::kGauge;
    families_.push_back(
        Family{FamilyState(family.label_names, family.width, family.series_limit, gauge)});
  }
  for (const ObjectPlan& object : plan_.objects) {
    for (const SourcePlan& source : object.sources) {
      map_sources(object, source).sources.push_back({&source, {}});
    }
    for (const CgroupPlan& cgroups : object.cgroups) {
      if (generation_->map_fd(cgroups.map, object.source) < 0) continue;
      cgroups_.emplace_back(generation_, object.source, cgroups.map, cgroups.globs);
    }
  }
  // The list of network devices serves labels too: first the statistics, which come with it.
  std::stable_partition(maps_.begin(), maps_.end(),
                        [](const MapSources& map) { return !map.source.empty(); });
}

Collector::MapSources& Collector::map_sources(const ObjectPlan& plan, const SourcePlan& source) {
  const ObjectSource object = source.source.empty() ? plan.source : ObjectSource();
  for (MapSources& known : maps_) {
    if (known.object == object && known.map == source.map && known.source == source.source) {
      return known;
    }
  }
  MapSources& added = maps_.emplace_back();
  added.source = source.source;
  added.map = source.map;
  added.object = object;
  if (source.source.empty()) added.unknown_at_zero = loaded_;
  return added;
}

bool Collector::knows_probe(const std::string& probe) {
  const Lock lock(mutex_);
  for (const ObjectPlan& object : plan_.objects) {
    if (std::ranges::find(object.probes, probe, &ProbeRequest::probe) != object.probes.end()) {
      return true;
    }
  }
  return false;
}

// A family is wanted when one of its rules belongs to a wanted probe; then all its maps are read,
// so that none of its series shows a part of itself.
void Collector::choose(std::span<const std::string> probes) {
  for (Family& family : families_) {
    family.wanted = probes.empty();
    family.failed = false;
    family.state.start_scrape();
  }
  for (const MapSources& map : maps_) {
    for (const Source& source : map.sources) {
      if (std::ranges::find(probes, source.plan->probe) != probes.end()) {
        families_[source.plan->family].wanted = true;
      }
    }
  }
}

bool Collector::wanted(const MapSources& map) const {
  return std::ranges::any_of(map.sources, [this](const Source& source) REQUIRES(mutex_) {
    return families_[source.plan->family].wanted;
  });
}

ScrapeResult Collector::scrape(std::span<const std::string> probes,
                               std::chrono::steady_clock::time_point deadline, SampleSink& sink) {
  const Lock lock(mutex_);
  ScrapeResult result;
  const SystemTime begin = std::chrono::system_clock::now();
  host_.start_scrape();
  choose(probes);
  for (MapSources& map : maps_) {
    if (!wanted(map)) continue;
    const bool late = std::chrono::steady_clock::now() >= deadline;
    const auto read = late ? fail("the scrape timeout expired") : read_map(map, deadline);
    if (!read && (late || std::chrono::steady_clock::now() >= deadline)) {
      result.complete = false;  // partial, which is no fault of the map
    } else if (!read) {
      result.errors.push_back({map.sources.front().plan->probe, read.error().message});
    }
    for (Source& source : map.sources) {
      Family& family = families_[source.plan->family];
      const FamilyPlan& plan = plan_.families[source.plan->family];
      if (!read) {
        family.failed = true;
      } else {
        const bool gauge = plan.header.type == MetricType::kGauge;
        family.state.set_start(gauge ? std::nullopt : map.unknown_at_zero);
        source.state.apply(*source.plan, plan, snapshot_, family.state);
      }
    }
    if (read && map.unknown_at_zero) map.unknown_at_zero = begin;
    if (read && map.reader) remove_outdated(map);
  }
  for (CgroupSelection& selection : cgroups_) selection.update(host_.cgroups);
  for (size_t i = 0; i < families_.size(); ++i) {
    if (families_[i].wanted && !families_[i].failed) {
      write_family(plan_.families[i], families_[i].state, sink);
    }
  }
  for (MapSources& map : maps_) forget_removed(map);
  return result;
}

Result<void> Collector::read_map(MapSources& map, std::chrono::steady_clock::time_point deadline) {
  if (!map.source.empty()) return read_host(map.source);
  const int fd = generation_->map_fd(map.map, map.object);
  if (fd < 0) {  // no program that fills it is attached: no series, not an error
    snapshot_.entries = 0;
    return {};
  }
  if (!map.reader) {
    auto reader = MapReader::create(fd, map.map);
    if (!reader) return fail(reader.error().message);
    map.reader = std::make_unique<MapReader>(std::move(*reader));
  }
  auto read = map.reader->read(snapshot_, deadline);
  if (read) map.entries = snapshot_.entries;
  return read;
}

void Collector::remove_outdated(MapSources& map) {
  if (!(map.object == ObjectSource())) return;
  const MapKeys keys(generation_->map_fd(map.map, map.object), snapshot_.value_size);
  for (const std::string& id :
       map.netdrop_keys.outdated(map.map, snapshot_, map.reader->max_entries(), host_.netdevs)) {
    if (keys.remove(std::as_bytes(std::span(id))) == 0) map.removed.push_back(id);
  }
}

// What the keys have counted stays in their series; what they count when they come back is new.
void Collector::forget_removed(MapSources& map) {
  for (const std::string& id : map.removed) {
    for (Source& source : map.sources) {
      const size_t family = source.plan->family;
      source.state.forget(id, plan_.families[family], families_[family].state);
    }
  }
  map.removed.clear();
}

Result<void> Collector::read_host(const std::string& source) {
  if (source == "netlink") return read_netlink(host_, snapshot_);
  read_mtd(host_.paths, snapshot_);
  return {};
}

void Collector::write_family(const FamilyPlan& plan, const FamilyState& family, SampleSink& sink) {
  numbers_.resize(plan.width);
  FamilyStream stream(sink, plan.header);
  for (uint32_t series = 0; series < family.size(); ++series) {
    if (!family.exists(series)) continue;
    family.read(series, numbers_);
    if (plan.faults && numbers_[0] == 0) continue;
    stream.add(family.labels(series), value(plan), family.start(series));
  }
}

SampleValue Collector::value(const FamilyPlan& plan) const {
  const auto base = [&plan](uint64_t number) {
    return plan.unit.to_base(static_cast<double>(number));
  };
  switch (plan.header.type) {
    case MetricType::kHistogram:
      return HistogramValue{std::span(numbers_).first(plan.width - 1),
                            plan.has_sum ? std::optional(base(numbers_.back())) : std::nullopt};
    case MetricType::kSummary:
      return SummaryValue{numbers_[0], base(numbers_[1])};
    default:
      if (plan.is_signed) {
        return plan.unit.to_base(static_cast<double>(static_cast<int64_t>(numbers_[0])));
      }
      if (plan.unit.is_base()) return numbers_[0];
      return base(numbers_[0]);
  }
}

Result<void> Collector::reload(Plan plan) {
  const Lock lock(mutex_);
  const std::string other = difference(plan.program_signature(), plan_.program_signature());
  if (!other.empty()) {
    return fail("the rules require changes to loaded programs (" + other +
                "): restart the exporter to apply them");
  }
  const Plan old_plan = std::exchange(plan_, std::move(plan));
  auto old_families = std::move(families_);
  auto old_maps = std::move(maps_);
  const auto old_cgroups = std::move(cgroups_);
  keep_label_order(old_plan);
  build();
  for (size_t i = 0; i < old_families.size(); ++i) {
    const auto kept = std::ranges::find_if(plan_.families, [&](const FamilyPlan& family) {
      return same_family(family, old_plan.families[i]);
    });
    if (kept == plan_.families.end()) continue;
    const auto index = static_cast<size_t>(kept - plan_.families.begin());
    families_[index].state = std::move(old_families[i].state);
    families_[index].state.set_limit(kept->series_limit);
    take_over_sources(old_plan.families[i], i, index, old_maps);
  }
  for (const CgroupSelection& old : old_cgroups) {
    const auto heir = std::ranges::find_if(
        cgroups_, [&old](const CgroupSelection& selection) { return selection.replaces(old); });
    if (heir == cgroups_.end()) {
      old.remove_all(host_.cgroups);
    } else {
      heir->take_over(old);
    }
  }
  for (CgroupSelection& selection : cgroups_) selection.update(host_.cgroups);
  return {};
}

// The order in which a rule names its labels makes no other series.
void Collector::keep_label_order(const Plan& old_plan) {
  for (size_t i = 0; i < plan_.families.size(); ++i) {
    FamilyPlan& family = plan_.families[i];
    const auto old =
        std::ranges::find_if(old_plan.families, [&family](const FamilyPlan& candidate) {
          return candidate.header.name == family.header.name &&
                 std::ranges::is_permutation(candidate.label_names, family.label_names);
        });
    if (old == old_plan.families.end()) continue;
    family.label_names = old->label_names;
    for (ObjectPlan& object : plan_.objects) {
      for (SourcePlan& source : object.sources) {
        if (source.family == i) source.order_labels(family.label_names);
      }
    }
  }
}

// Old rules of a kept family hand their keys to the new rule that reads the same numbers; those
// without one give their keys up.
void Collector::take_over_sources(const FamilyPlan& old_plan, size_t old_index, size_t index,
                                  std::vector<MapSources>& old_maps) {
  for (MapSources& old_map : old_maps) {
    for (Source& old : old_map.sources) {
      if (old.plan->family != old_index) continue;
      Source* heir = nullptr;
      for (MapSources& map : maps_) {
        if (map.object != old_map.object || map.map != old_map.map ||
            map.source != old_map.source) {
          continue;
        }
        for (Source& source : map.sources) {
          if (source.plan->family == index && source.state.keys() == 0 && heir == nullptr &&
              source.plan->value.reads_same(old.plan->value) &&
              source.plan->per_cpu_label == old.plan->per_cpu_label) {
            heir = &source;
          }
        }
      }
      if (heir == nullptr) {
        old.state.retire_all(old_plan, families_[index].state);
      } else {
        heir->state = std::move(old.state);
        heir->state.relabel();
      }
    }
  }
}

std::vector<ProgramStatus> Collector::programs() {
  const Lock lock(mutex_);
  return generation_->programs();
}

bool Collector::responds_within(std::chrono::milliseconds time) {
  if (!mutex_.try_lock_for(time)) return false;
  mutex_.unlock();
  return true;
}

std::vector<MapUse> Collector::map_uses() {
  const Lock lock(mutex_);
  std::vector<MapUse> uses;
  for (const MapSources& map : maps_) {
    if (!map.reader || !is_hash(generation_->map(map.map, map.object)->type)) continue;
    uses.push_back({map.map, map.entries, map.reader->max_entries()});
  }
  return uses;
}

std::vector<std::pair<std::string, uint64_t>> Collector::overflows() {
  const Lock lock(mutex_);
  std::vector<std::pair<std::string, uint64_t>> overflows;
  for (size_t i = 0; i < families_.size(); ++i) {
    const uint64_t count = families_[i].state.overflows();
    if (count > 0) overflows.emplace_back(plan_.families[i].header.name, count);
  }
  return overflows;
}

}  // namespace kernel_exporter

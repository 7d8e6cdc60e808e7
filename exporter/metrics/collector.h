// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/mutex.h"
#include "labels/decoder.h"
#include "metrics/cgroup_selection.h"
#include "metrics/family_state.h"
#include "metrics/netdrop_keys.h"
#include "metrics/sample_sink.h"
#include "metrics/source_state.h"
#include "probe/object.h"
#include "probe/snapshot.h"
#include "rules/plan.h"

namespace kernel_exporter {

// What one scrape came to, for self-metrics.
struct ScrapeResult {
  bool complete = true;  // false: the deadline passed before every map was read
  struct ReadError {
    std::string probe;
    std::string message;
  };
  std::vector<ReadError> errors;
};

struct MapUse {
  std::string map;
  size_t entries = 0;
  uint32_t max_entries = 0;
};

// From maps to families: reads every map that the plan names, once, and streams the families that
// come of it. Holds what must be remembered between scrapes. Thread-safe: scrapes and reloads take
// turns.
class Collector {
 public:
  // `loaded`: a time before the generation's programs were attached, when their maps were still
  // empty.
  Collector(Plan plan, std::shared_ptr<const Generation> generation, HostTables& host,
            SystemTime loaded = std::chrono::system_clock::now());

  // True when some rule of that probe is in the plan.
  bool knows_probe(const std::string& probe);

  // `probes` empty: all. A map that cannot be read leaves its families out of this scrape; one that
  // the deadline cuts off too.
  ScrapeResult scrape(std::span<const std::string> probes,
                      std::chrono::steady_clock::time_point deadline, SampleSink& sink);

  // Takes the new mapping over without touching programs. Series of families that stay go on from
  // where they stood. Refused, with the reason, when the new plan needs other programs, buckets or
  // sizes than are loaded.
  [[nodiscard]] Result<void> reload(Plan plan);

  // Of the generation.
  std::vector<ProgramStatus> programs();
  // Whether the lock that scrapes and reloads take can be had in that time: no scrape hangs.
  bool responds_within(std::chrono::milliseconds time);
  // Hashes that were read by the last scrape.
  std::vector<MapUse> map_uses();
  // Keys that found no series of their own, by metric; only those above 0.
  std::vector<std::pair<std::string, uint64_t>> overflows();

 private:
  struct Source {
    const SourcePlan* plan = nullptr;
    SourceState state;
  };
  // All rules that read one map.
  struct MapSources {
    std::string source;  // of the host, or
    std::string map;     // of this object
    ObjectSource object;
    std::unique_ptr<MapReader> reader;
    std::vector<Source> sources;
    size_t entries = 0;
    NetdropKeys netdrop_keys;
    std::vector<std::string> removed;  // keys, by this scrape
    // When keys that are not known yet still counted nothing; none for sources of the host, which
    // counted before we came.
    std::optional<SystemTime> unknown_at_zero;
  };
  struct Family {
    FamilyState state;
    bool wanted = true;
    bool failed = false;
  };

  void build() REQUIRES(mutex_);
  MapSources& map_sources(const ObjectPlan& plan, const SourcePlan& source) REQUIRES(mutex_);
  void choose(std::span<const std::string> probes) REQUIRES(mutex_);
  bool wanted(const MapSources& map) const REQUIRES(mutex_);
  Result<void> read_map(MapSources& map, std::chrono::steady_clock::time_point deadline)
      REQUIRES(mutex_);
  void remove_outdated(MapSources& map) REQUIRES(mutex_);
  void forget_removed(MapSources& map) REQUIRES(mutex_);
  Result<void> read_host(const std::string& source) REQUIRES(mutex_);
  void write_family(const FamilyPlan& plan, const FamilyState& family, SampleSink& sink)
      REQUIRES(mutex_);
  SampleValue value(const FamilyPlan& plan) const REQUIRES(mutex_);  // from numbers_
  void keep_label_order(const Plan& old_plan) REQUIRES(mutex_);
  void take_over_sources(const FamilyPlan& old_plan, size_t old_index, size_t index,
                         std::vector<MapSources>& old_maps) REQUIRES(mutex_);

  TimedMutex mutex_;
  Plan plan_ GUARDED_BY(mutex_);
  std::shared_ptr<const Generation> generation_ GUARDED_BY(mutex_);
  HostTables& host_ GUARDED_BY(mutex_);
  const SystemTime loaded_;
  std::vector<Family> families_ GUARDED_BY(mutex_);  // as Plan::families
  std::vector<MapSources> maps_ GUARDED_BY(mutex_);
  std::vector<CgroupSelection> cgroups_ GUARDED_BY(mutex_);
  Snapshot snapshot_ GUARDED_BY(mutex_);
  std::vector<uint64_t> numbers_ GUARDED_BY(mutex_);  // of the series at hand
};

}  // namespace kernel_exporter

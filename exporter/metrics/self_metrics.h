// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "host/process.h"
#include "metrics/collector.h"
#include "metrics/sample_sink.h"
#include "probe/program_status.h"

namespace kernel_exporter {

// What the exporter says of itself: kernel_exporter_* and process_*. Used under the caller's lock.
// What should not happen has no series until it does; a vehicle sends all of this with each scrape.
class SelfMetrics {
 public:
  SelfMetrics(HostPaths paths, std::string_view version);

  void set_programs(const std::vector<ProgramStatus>& programs);
  void set_map_uses(const std::vector<MapUse>& uses);
  void set_overflows(const std::vector<std::pair<std::string, uint64_t>>& overflows);

  // One error of a rule file or of reading what it names.
  void count_rule_error(const std::string& rule);
  void set_reload(bool successful);
  void count_scrape(double seconds, bool complete);

  // Brings process_* up to date and streams everything.
  void write(SampleSink& sink);

 private:
  using Counters = prometheus::Family<prometheus::Counter>;

  // Gauges whose series are set again at each scrape.
  class Gauges {
   public:
    explicit Gauges(prometheus::Family<prometheus::Gauge>& family) : family_(family) {}

    void start_scrape();
    void set(const prometheus::Labels& labels, double value);

   private:
    prometheus::Family<prometheus::Gauge>& family_;
    std::set<prometheus::Gauge*> told_;
  };

  void show_programs();
  void set_attached(const ProgramStatus& program);
  void set_runs(const ProgramStatus& program);
  void update_process();

  OwnProcess process_;
  std::optional<SystemTime> start_;  // of the process
  prometheus::Registry registry_;
  std::vector<ProgramStatus> shown_programs_;
  Gauges attached_;
  Gauges idle_;
  Counters& run_count_;
  Counters& run_seconds_;
  Counters& missed_runs_;
  Gauges map_entries_;
  Gauges map_max_entries_;
  Counters& overflows_;
  Counters& rule_errors_;
  prometheus::Gauge& reload_successful_;
  prometheus::Gauge& scrape_duration_;
  prometheus::Gauge& scrape_partial_;
  prometheus::Counter& process_cpu_;
  prometheus::Gauge& process_resident_;
  prometheus::Gauge& process_fds_;
  prometheus::Gauge& process_start_;
};

}  // namespace kernel_exporter

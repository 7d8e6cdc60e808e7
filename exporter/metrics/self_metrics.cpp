// SPDX-License-Identifier: Apache-2.0
#include "metrics/self_metrics.h"

#include <algorithm>
#include <set>

#include "metrics/registry_source.h"

namespace kernel_exporter {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;

// prometheus-cpp's counters only take increments.
void raise_to(prometheus::Counter& counter, double value) {
  if (value > counter.Value()) counter.Increment(value - counter.Value());
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

bool same_state(const ProgramStatus& one, const ProgramStatus& other) {
  return one.state == other.state && one.fd == other.fd && one.program == other.program &&
         one.mechanism == other.mechanism && one.probe == other.probe;
}

}  // namespace

SelfMetrics::SelfMetrics(HostPaths paths, std::string_view version)
    : process_(std::move(paths)),
      attached_(BuildGauge()
                    .Name("kernel_exporter_probe_attached")
                    .Help("1 if the probe or program is attached.")
                    .Register(registry_)),
      idle_(BuildGauge()
                .Name("kernel_exporter_probe_idle")
                .Help("1 if programs of the probe wait for an update.")
                .Register(registry_)),
      run_count_(BuildCounter()
                     .Name("kernel_exporter_program_runs_total")
                     .Help("Runs of the BPF program (with kernel.bpf_stats_enabled).")
                     .Register(registry_)),
      run_seconds_(BuildCounter()
                       .Name("kernel_exporter_program_run_seconds_total")
                       .Help("Run time of the BPF program (with kernel.bpf_stats_enabled).")
                       .Register(registry_)),
      missed_runs_(
          BuildCounter()
              .Name("kernel_exporter_program_missed_runs_total")
              .Help("Events skipped by the kernel to prevent recursion of the BPF program.")
              .Register(registry_)),
      map_entries_(BuildGauge()
                       .Name("kernel_exporter_map_entries")
                       .Help("Entries of the BPF map, if it is at least half full.")
                       .Register(registry_)),
      map_max_entries_(BuildGauge()
                           .Name("kernel_exporter_map_max_entries")
                           .Help("Maximum number of entries of the BPF map.")
                           .Register(registry_)),
      overflows_(BuildCounter()
                     .Name("kernel_exporter_series_overflows_total")
                     .Help("Map keys added to the series \"other\" beyond the series limit.")
                     .Register(registry_)),
      rule_errors_(BuildCounter()
                       .Name("kernel_exporter_rule_errors_total")
                       .Help("Errors in the rule file or when reading its maps.")
                       .Register(registry_)),
      reload_successful_(gauge(registry_, "kernel_exporter_rules_last_reload_successful",
                               "1 if the last load or reload of the rule files succeeded.")),
      scrape_duration_(gauge(registry_, "kernel_exporter_scrape_duration_seconds",
                             "Duration of the last scrape, without HTTP.")),
      scrape_partial_(gauge(registry_, "kernel_exporter_scrape_partial",
                            "1 if this scrape is incomplete because its timeout expired.")),
      process_cpu_(BuildCounter()
                       .Name("process_cpu_seconds_total")
                       .Help("CPU time used by the exporter.")
                       .Register(registry_)
                       .Add({})),
      process_resident_(
          gauge(registry_, "process_resident_memory_bytes", "Resident memory of the exporter.")),
      process_fds_(gauge(registry_, "process_open_fds", "Open file descriptors of the exporter.")),
      process_start_(
          gauge(registry_, "process_start_time_seconds", "Start time of the exporter.")) {
  BuildGauge()
      .Name("kernel_exporter_build_info")
      .Help("Version of the exporter.")
      .Register(registry_)
      .Add({{"version", std::string(version)}})
      .Set(1);
}

void SelfMetrics::Gauges::start_scrape() {
  for (prometheus::Gauge* gauge : told_) family_.Remove(gauge);
  told_.clear();
}

void SelfMetrics::Gauges::set(const prometheus::Labels& labels, double value) {
  prometheus::Gauge& gauge = family_.Add(labels);
  gauge.Set(value);
  told_.insert(&gauge);
}

void SelfMetrics::set_programs(const std::vector<ProgramStatus>& programs) {
  if (!std::ranges::equal(programs, shown_programs_, same_state)) {
    shown_programs_ = programs;
    show_programs();
  }
  for (const ProgramStatus& program : programs) set_runs(program);
}

void SelfMetrics::show_programs() {
  attached_.start_scrape();
  idle_.start_scrape();
  std::set<std::string> working;
  for (const ProgramStatus& program : shown_programs_) {
    const bool waits = program.state == AttachState::kIdle;
    if (waits || program.state == AttachState::kAttached) working.insert(program.program);
    if (waits) idle_.set({{"probe", program.probe}}, 1);
  }
  for (const ProgramStatus& program : shown_programs_) {
    // Of the variants of a program, the attached one is shown.
    const bool shown = program.fd >= 0 || !working.contains(program.program);
    if (program.state == AttachState::kNotNeeded || !shown) continue;
    if (program.state != AttachState::kIdle) set_attached(program);
  }
}

// Only failed programs are named; the others are summed up by their probe. An event that the kernel
// does not have is not a failure, and alerts must be able to tell the difference.
void SelfMetrics::set_attached(const ProgramStatus& program) {
  const bool failed = program.state == AttachState::kFailed;
  const bool unsupported = program.state == AttachState::kUnsupported;
  attached_.set({{"probe", program.probe},
                 {"program", failed ? program.program : ""},
                 {"mechanism", unsupported ? "unsupported" : program.mechanism}},
                program.state == AttachState::kAttached ? 1 : 0);
}

void SelfMetrics::set_runs(const ProgramStatus& program) {
  if (program.missed_runs == 0 && program.run_count == 0) return;
  const prometheus::Labels run = {{"probe", program.probe}, {"program", program.program}};
  if (program.missed_runs > 0) {
    raise_to(missed_runs_.Add(run), static_cast<double>(program.missed_runs));
  }
  if (program.run_count == 0) return;
  raise_to(run_count_.Add(run), static_cast<double>(program.run_count));
  raise_to(run_seconds_.Add(run), static_cast<double>(program.run_time_ns) / 1e9);
}

void SelfMetrics::set_map_uses(const std::vector<MapUse>& uses) {
  map_entries_.start_scrape();
  map_max_entries_.start_scrape();
  for (const MapUse& use : uses) {
    if (use.entries * 2 < use.max_entries) continue;
    map_entries_.set({{"map", use.map}}, static_cast<double>(use.entries));
    map_max_entries_.set({{"map", use.map}}, use.max_entries);
  }
}

void SelfMetrics::set_overflows(const std::vector<std::pair<std::string, uint64_t>>& overflows) {
  for (const auto& [metric, count] : overflows) {
    raise_to(overflows_.Add({{"metric", metric}}), static_cast<double>(count));
  }
}

void SelfMetrics::count_rule_error(const std::string& rule) {
  rule_errors_.Add({{"rule", rule}}).Increment();
}

void SelfMetrics::set_reload(bool successful) { reload_successful_.Set(successful ? 1 : 0); }

void SelfMetrics::count_scrape(double seconds, bool complete) {
  scrape_duration_.Set(seconds);
  scrape_partial_.Set(complete ? 0 : 1);
}

void SelfMetrics::update_process() {
  const auto stats = process_.read();
  if (!stats) return;
  raise_to(process_cpu_, stats->cpu_seconds);
  process_resident_.Set(static_cast<double>(stats->resident_bytes));
  process_fds_.Set(static_cast<double>(stats->open_fds));
  process_start_.Set(stats->start_time_seconds);
  start_ = SystemTime(std::chrono::duration_cast<SystemTime::duration>(
      std::chrono::duration<double>(stats->start_time_seconds)));
}

void SelfMetrics::write(SampleSink& sink) {
  update_process();
  write_families(registry_.Collect(), start_, sink);
}

}  // namespace kernel_exporter

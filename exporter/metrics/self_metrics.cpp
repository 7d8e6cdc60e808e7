#include "metrics/self_metrics.h"

#include <map>
#include <set>

#include "host/process.h"
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

}  // namespace

SelfMetrics::SelfMetrics(HostPaths paths, std::string_view version)
    : paths_(std::move(paths)),
      attached_(BuildGauge()
                    .Name("kernel_exporter_probe_attached")
                    .Help("1 while the program of a probe is attached by this mechanism, 0 when it "
                          "is not; `kernel_exporter probes` says why.")
                    .Register(registry_)),
      idle_(BuildGauge()
                .Name("kernel_exporter_probe_idle")
                .Help("1 while programs of a probe wait for an update to be attached, which then "
                      "have no kernel_exporter_probe_attached; 0 while none waits.")
                .Register(registry_)),
      run_count_(BuildCounter()
                     .Name("kernel_exporter_program_runs_total")
                     .Help("Runs of a program, while the kernel counts them "
                           "(kernel.bpf_stats_enabled).")
                     .Register(registry_)),
      run_seconds_(BuildCounter()
                       .Name("kernel_exporter_program_run_seconds_total")
                       .Help("Time spent in a program, while the kernel counts it.")
                       .Register(registry_)),
      missed_runs_(BuildCounter()
                       .Name("kernel_exporter_program_missed_runs_total")
                       .Help("Events that the kernel did not run a program for, lest it recurse.")
                       .Register(registry_)),
      map_entries_(BuildGauge()
                       .Name("kernel_exporter_map_entries")
                       .Help("Entries of a hash map at its last read.")
                       .Register(registry_)),
      map_max_entries_(BuildGauge()
                           .Name("kernel_exporter_map_max_entries")
                           .Help("Entries that a hash map has room for.")
                           .Register(registry_)),
      overflows_(
          BuildCounter()
              .Name("kernel_exporter_series_overflows_total")
              .Help("Keys that count in the series \"other\" because their metric had as many "
                    "series as it may.")
              .Register(registry_)),
      rule_errors_(BuildCounter()
                       .Name("kernel_exporter_rule_errors_total")
                       .Help("Errors of a rule file, or of reading a map that it names.")
                       .Register(registry_)),
      reload_successful_(
          gauge(registry_, "kernel_exporter_rules_last_reload_successful",
                "1 when the last load of the rules found no fault in any file, else 0; "
                "a reload with a fault keeps the old rules.")),
      scrape_duration_(gauge(registry_, "kernel_exporter_scrape_duration_seconds",
                             "Time that the last finished scrape took, without compression.")),
      scrape_partial_(gauge(registry_, "kernel_exporter_scrape_partial",
                            "1 when this scrape's deadline passed before every map was read.")),
      process_cpu_(BuildCounter()
                       .Name("process_cpu_seconds_total")
                       .Help("User and system CPU time spent.")
                       .Register(registry_)
                       .Add({})),
      process_resident_(gauge(registry_, "process_resident_memory_bytes", "Resident memory size.")),
      process_fds_(gauge(registry_, "process_open_fds", "Open file descriptors.")),
      process_start_(gauge(registry_, "process_start_time_seconds",
                           "Start time of the process since the epoch.")) {
  BuildGauge()
      .Name("kernel_exporter_build_info")
      .Help("1, with the version as a label.")
      .Register(registry_)
      .Add({{"version", std::string(version)}})
      .Set(1);
}

void SelfMetrics::set_programs(const std::vector<ProgramStatus>& programs) {
  std::set<std::string> settled;
  std::map<std::string, bool> idle;
  for (const ProgramStatus& program : programs) {
    const bool waits = program.state == AttachState::kIdle;
    if (waits || program.state == AttachState::kAttached) settled.insert(program.program);
    if (program.on_request) idle[program.probe] |= waits;
  }
  for (const ProgramStatus& program : programs) {
    // Of a program's variants the attached one speaks for all.
    const bool speaks = program.fd >= 0 || !settled.contains(program.program);
    if (program.state == AttachState::kNotNeeded || !speaks) continue;
    set_attached(program);
    set_runs(program);
  }
  for (const auto& [probe, waits] : idle) idle_.Add({{"probe", probe}}).Set(waits ? 1 : 0);
}

void SelfMetrics::set_attached(const ProgramStatus& program) {
  // What this kernel has no event for is no fault, and an alert must be able to tell.
  const bool unsupported = program.state == AttachState::kUnsupported;
  prometheus::Gauge& attached =
      attached_.Add({{"probe", program.probe},
                     {"program", program.program},
                     {"mechanism", unsupported ? "unsupported" : program.mechanism}});
  if (program.state == AttachState::kIdle) {
    attached_.Remove(&attached);
  } else {
    attached.Set(program.state == AttachState::kAttached ? 1 : 0);
  }
}

void SelfMetrics::set_runs(const ProgramStatus& program) {
  const prometheus::Labels run = {{"probe", program.probe}, {"program", program.program}};
  if (program.missed_runs > 0) {
    raise_to(missed_runs_.Add(run), static_cast<double>(program.missed_runs));
  }
  if (program.run_count == 0) return;
  raise_to(run_count_.Add(run), static_cast<double>(program.run_count));
  raise_to(run_seconds_.Add(run), static_cast<double>(program.run_time_ns) / 1e9);
}

void SelfMetrics::set_map_uses(const std::vector<MapUse>& uses) {
  for (const MapUse& use : uses) {
    map_entries_.Add({{"map", use.map}}).Set(static_cast<double>(use.entries));
    map_max_entries_.Add({{"map", use.map}}).Set(use.max_entries);
  }
}

void SelfMetrics::set_overflows(const std::vector<std::pair<std::string, uint64_t>>& overflows) {
  for (const auto& [metric, count] : overflows) {
    raise_to(overflows_.Add({{"metric", metric}}), static_cast<double>(count));
  }
}

void SelfMetrics::known_rule(const std::string& rule) { rule_errors_.Add({{"rule", rule}}); }

void SelfMetrics::count_rule_error(const std::string& rule) {
  rule_errors_.Add({{"rule", rule}}).Increment();
}

void SelfMetrics::set_reload(bool successful) { reload_successful_.Set(successful ? 1 : 0); }

void SelfMetrics::count_scrape(double seconds, bool complete) {
  scrape_duration_.Set(seconds);
  scrape_partial_.Set(complete ? 0 : 1);
}

void SelfMetrics::update_process() {
  const auto stats = read_process_stats(paths_);
  if (!stats) return;
  raise_to(process_cpu_, stats->cpu_seconds);
  process_resident_.Set(static_cast<double>(stats->resident_bytes));
  process_fds_.Set(static_cast<double>(stats->open_fds));
  process_start_.Set(stats->start_time_seconds);
}

void SelfMetrics::write(SampleSink& sink) {
  update_process();
  write_families(registry_.Collect(), sink);
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "commands/options.h"
#include "commands/rule_loader.h"
#include "http/server.h"
#include "labels/decoder.h"
#include "metrics/collector.h"
#include "metrics/program_runs.h"
#include "metrics/self_metrics.h"
#include "ota/adapters.h"
#include "ota/ota.h"
#include "ota/watch/kernel_watch.h"

namespace kernel_exporter {

// Everything between the rule files and an exposition: loads the rules and the programs they need,
// scrapes, reloads. Thread-safe once updates are followed.
class Exporter {
 public:
  // Fails when no rule file can be used at all. What is wrong with single files, probes or programs
  // is logged, counted and left out. Starts no thread.
  [[nodiscard]] static Result<std::unique_ptr<Exporter>> create(const Options& options);

  // Starts what --ota.config asks for, threads included; nothing without it. Once, before anything
  // else.
  [[nodiscard]] Result<void> follow_updates();

  // Errors are the client's: an unknown name in `collect`. "exporter" stands for the self-metrics,
  // "ota" for what is known of updates.
  [[nodiscard]] Result<ScrapeOutcome> scrape(const ScrapeRequest& request, SampleSink& sink);

  // Reads the rule files again. Any fault keeps the rules that are in use. One after
  // the other.
  [[nodiscard]] Result<void> reload();

  // False when a scrape or a reload has been under way for seconds.
  bool responds();

  // The error says why no program of the rules' probes is attached.
  Result<void> attached();

  // Rule files for updates that are of no use, since none are followed.
  std::string left_out() const;

  // What the rules' decoders ask of the host, which takes privilege.
  const HostUses& host_uses() const { return host_.uses; }

  // Every program with its fate, run statistics included where the kernel counts.
  std::vector<ProgramStatus> programs();

 private:
  explicit Exporter(const Options& options);
  Result<void> load() EXCLUDES(mutex_);
  std::shared_ptr<Generation> load_generation(const Plan& plan, const KernelBtf* kernel)
      REQUIRES(mutex_);
  Result<LoadedRules> read_rule_files(const KernelBtf* kernel);
  void start_ota_watch();

  Options options_;
  HostTables host_;
  std::shared_ptr<Generation> generation_;
  std::unique_ptr<Collector> collector_;
  UniqueFd run_stats_;
  std::set<std::string> left_out_;
  std::unique_ptr<Ota> ota_;                   // null without --ota.config
  std::unique_ptr<OtaKernelWatch> ota_watch_;  // null where the rules have no otawrite that runs
  std::unique_ptr<OtaAdapters> ota_adapters_;  // after the watch, which hears of what they begin

  Mutex reloading_;
  Mutex mutex_;
  SelfMetrics self_ GUARDED_BY(mutex_);
  ProgramRuns program_runs_ GUARDED_BY(mutex_);
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "commands/exporter.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <span>

#include "base/log.h"
#include "commands/memory.h"
#include "commands/version.h"
#include "probe/syscall_numbers.h"

namespace kernel_exporter {
namespace {

using Clock = std::chrono::steady_clock;

// Longer than any scrape that keeps to a deadline; shorter than a watchdog's patience.
constexpr std::chrono::seconds kLongestTurn(15);

std::string rule_name(const std::string& file) {
  return std::filesystem::path(file).stem().string();
}

std::string joined(const std::set<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

// One line a cause, whatever number of programs it keeps away.
void log_missing(const std::vector<ProgramStatus>& programs, bool kernel_types_known) {
  std::map<std::string, std::set<std::string>> failed;
  std::set<std::string> told;
  for (const ProgramStatus& program : programs) {
    if (program.state != AttachState::kFailed) continue;
    failed[program.reason].insert(program.program);
    told.insert(program.program);
  }
  std::map<std::string, std::set<std::string>> unsupported;
  for (const ProgramStatus& program : programs) {
    if (program.state == AttachState::kUnsupported && !told.contains(program.program)) {
      unsupported[program.reason].insert(program.program);
    }
  }
  for (const auto& [reason, names] : failed) {
    spdlog::error("not attached: {}: {}", joined(names), reason);
  }
  // Without the kernel's types they are the cause, which has been named already.
  if (!kernel_types_known) return;
  for (const auto& [reason, names] : unsupported) {
    spdlog::warn("not attached: {}: {}", joined(names), reason);
  }
}

// The reason is that of the first program.
Result<void> any_attached(const std::vector<ProgramStatus>& programs) {
  const auto works = [](const ProgramStatus& program) {
    return program.state == AttachState::kAttached || program.state == AttachState::kIdle;
  };
  if (programs.empty() || std::any_of(programs.begin(), programs.end(), works)) return {};
  return fail("no probe is attached: " + programs.front().reason);
}

}  // namespace

Exporter::Exporter(const Options& options)
    : options_(options),
      host_(options.paths),
      self_(options.paths, kVersion),
      program_runs_(options.paths, options.program_stats) {}

Result<std::unique_ptr<Exporter>> Exporter::create(const Options& options) {
  std::unique_ptr<Exporter> exporter(new Exporter(options));
  const auto loaded = exporter->load();
  if (!loaded) return fail(loaded.error().message);
  return exporter;
}

Result<LoadedRules> Exporter::read_rule_files(const KernelBtf* kernel) {
  const auto files = find_rule_files(options_.rules);
  if (!files) return fail(files.error().message);
  return load_rules(*files, host_, kernel, options_.all_rules || !options_.ota_config.empty());
}

Result<void> Exporter::load() {
  const Lock lock(mutex_);
  const auto kernel = KernelBtf::load(options_.paths.sysfs);
  if (!kernel) spdlog::error("{}", kernel.error().message);
  auto rules = read_rule_files(kernel ? &*kernel : nullptr);
  if (!rules) return fail(rules.error().message);
  for (const std::string& message : rules->diagnostics.messages()) spdlog::error("{}", message);
  for (const std::string& file : rules->files_for_updates) left_out_.insert(rule_name(file));
  for (const std::string& file : rules->faulty_files) self_.count_rule_error(rule_name(file));
  self_.set_reload(rules->faulty_files.empty());
  if (rules->plan.rule_files.empty()) {
    return fail(left_out_.empty() ? "no usable rule file"
                                  : "no usable rule file without --ota.config");
  }
  if (options_.program_stats) {
    auto enabled = enable_run_stats();
    if (enabled) {
      run_stats_ = std::move(*enabled);
    } else {
      spdlog::warn("program statistics: {}", enabled.error().message);
    }
  }
  const SystemTime before_loading = std::chrono::system_clock::now();
  generation_ = load_generation(rules->plan, kernel ? &*kernel : nullptr);
  collector_ =
      std::make_unique<Collector>(std::move(rules->plan), generation_, host_, before_loading);
  log_missing(collector_->programs(), kernel.has_value());
  const auto any = attached();
  if (!any && options_.require_probes) return fail("--require-probes: " + any.error().message);
  return {};
}

Result<void> Exporter::follow_updates() {
  if (options_.ota_config.empty()) return {};
  auto ota = Ota::start(options_.ota_config, options_.paths);
  if (!ota) return fail(ota.error().message);
  ota_ = std::move(*ota);
  start_ota_watch();
  auto adapters = OtaAdapters::start(ota_->tracker(), ota_->file(), options_.paths);
  if (!adapters) return fail(adapters.error().message);
  ota_adapters_ = std::move(*adapters);
  return {};
}

void Exporter::start_ota_watch() {
  auto bindings = generation_->has(ObjectSource())
                      ? OtaBindings::create(generation_, options_.paths)
                      : Result<OtaBindings>(fail("no rule file uses probe otawrite"));
  if (!bindings) {
    spdlog::warn("updates: writes are not traced: {}", bindings.error().message);
    return;
  }
  ota_watch_ = std::make_unique<OtaKernelWatch>(generation_, std::move(*bindings), ota_->tracker(),
                                                ota_->config(), options_.paths);
}

std::shared_ptr<Generation> Exporter::load_generation(const Plan& plan, const KernelBtf* kernel) {
  auto generation = std::make_shared<Generation>();
  for (const ObjectPlan& object : plan.objects) {
    ObjectSettings settings = object.settings;
    settings.assume_missing = {options_.assume_missing.begin(), options_.assume_missing.end()};
    if (object.source.is_embedded()) {
      set_syscall_numbers(settings);
      const uint32_t own = host_.netdevs.own_namespace();
      const auto bytes = std::as_bytes(std::span(&own, 1));
      settings.constants["netdrop_own_netns"] = {bytes.begin(), bytes.end()};
    }
    const auto loaded = generation->load(object.source, object.probes, settings, kernel);
    if (loaded) continue;
    spdlog::error("{}", loaded.error().message);
    for (const ProbeRequest& probe : object.probes) self_.count_rule_error(probe.probe);
  }
  return generation;
}

Result<ScrapeOutcome> Exporter::scrape(const ScrapeRequest& request, SampleSink& sink) {
  bool self = request.collect.empty();
  bool ota = self && ota_;
  std::vector<std::string> probes;
  for (const std::string& name : request.collect) {
    if (name == "exporter") {
      self = true;
    } else if (name == "ota" && ota_) {
      ota = true;
    } else if (collector_->knows_probe(name)) {
      probes.push_back(name);
    } else {
      return fail("collect[]: no probe \"" + name + "\" in the rules");
    }
  }
  const auto start = Clock::now();
  ScrapeResult result;
  if (request.collect.empty() || !probes.empty()) {
    result = collector_->scrape(probes, request.deadline, sink);
  }
  if (ota) {
    ota_->write(sink);
    ota_adapters_->write(sink);
  }
  const std::chrono::duration<double> seconds = Clock::now() - start;
  std::vector<ProgramStatus> statuses;
  if (self) statuses = collector_->programs();
  const Lock lock(mutex_);
  for (const auto& error : result.errors) {
    spdlog::warn("probe {}: {}", error.probe, error.message);
    self_.count_rule_error(error.probe);
  }
  self_.count_scrape(seconds.count(), result.complete);
  if (self) {
    program_runs_.fill(statuses, Clock::now());
    self_.set_programs(statuses);
    self_.set_map_uses(collector_->map_uses());
    self_.set_overflows(collector_->overflows());
    self_.write(sink);
  }
  return result.complete ? ScrapeOutcome::kComplete : ScrapeOutcome::kPartial;
}

Result<void> Exporter::reload() {
  const Lock one_at_a_time(reloading_);
  const auto kernel = KernelBtf::load(options_.paths.sysfs);
  auto rules = read_rule_files(kernel ? &*kernel : nullptr);
  auto outcome = rules ? Result<void>() : fail(rules.error().message);
  if (outcome && !rules->diagnostics.empty()) {
    outcome = fail(rules->diagnostics.messages().front());
  }
  if (outcome) outcome = collector_->reload(std::move(rules->plan));
  return_freed_memory();
  const Lock lock(mutex_);
  self_.set_reload(outcome.has_value());
  if (rules) {
    for (const std::string& file : rules->faulty_files) self_.count_rule_error(rule_name(file));
  }
  if (outcome) {
    spdlog::info("rules reloaded");
  } else {
    spdlog::error("reload failed, the previous rules stay active: {}", outcome.error().message);
    if (rules) {
      const auto& faults = rules->diagnostics.messages();
      for (size_t i = 1; i < faults.size(); ++i) spdlog::error("{}", faults[i]);
    }
  }
  return outcome;
}

std::string Exporter::left_out() const { return joined(left_out_); }

Result<void> Exporter::attached() { return any_attached(collector_->programs()); }

bool Exporter::responds() { return collector_->responds_within(kLongestTurn); }

std::vector<ProgramStatus> Exporter::programs() {
  std::vector<ProgramStatus> programs = collector_->programs();
  read_run_stats(programs);
  return programs;
}

}  // namespace kernel_exporter

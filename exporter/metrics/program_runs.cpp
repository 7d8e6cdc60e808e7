// SPDX-License-Identifier: Apache-2.0
#include "metrics/program_runs.h"

#include "host/text_file.h"

namespace kernel_exporter {

ProgramRuns::ProgramRuns(const HostPaths& paths, bool enabled)
    : setting_(paths.procfs + "/sys/kernel/bpf_stats_enabled"), enabled_(enabled) {}

void ProgramRuns::fill(std::vector<ProgramStatus>& programs, Time now) {
  const bool old = readings_ == 0 || now - read_at_ >= kLongestAge;
  if (!old && !counting() && fill_from_last(programs)) return;
  read_run_stats(programs);
  read_at_ = now;
  ++readings_;
  others_count_ = false;
  const bool same_programs = last_.size() == programs.size();
  last_.resize(programs.size());
  for (size_t i = 0; i < programs.size(); ++i) {
    const ProgramStatus& program = programs[i];
    others_count_ = others_count_ || (same_programs && last_[i].fd == program.fd &&
                                      last_[i].count != program.run_count);
    last_[i] = {program.fd, program.run_count, program.run_time_ns, program.missed_runs};
  }
}

bool ProgramRuns::counting() const {
  if (enabled_ || others_count_) return true;
  const auto setting = read_text_file(setting_, 16);
  return setting && !setting->starts_with('0');
}

// False: these are other programs than were read.
bool ProgramRuns::fill_from_last(std::vector<ProgramStatus>& programs) const {
  if (last_.size() != programs.size()) return false;
  for (size_t i = 0; i < programs.size(); ++i) {
    if (last_[i].fd != programs[i].fd) return false;
    if (programs[i].fd < 0) continue;
    programs[i].run_count = last_[i].count;
    programs[i].run_time_ns = last_[i].time_ns;
    programs[i].missed_runs = last_[i].missed;
  }
  return true;
}

}  // namespace kernel_exporter

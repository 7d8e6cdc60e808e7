// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "probe/event.h"
#include "probe/kernel_btf.h"
#include "probe/loader.h"
#include "probe/object_info.h"
#include "probe/object_source.h"
#include "probe/program_status.h"

namespace kernel_exporter {

// Which programs of an object to try now: of each wanted program one variant, the first that
// nothing speaks against. Loads nothing itself.
class LoadPlan {
 public:
  LoadPlan(const ObjectInfo& object, std::span<const ProbeRequest> probes,
           const ObjectSource& source, const ObjectSettings& settings, const KernelBtf* kernel);

  // Indexes into statuses() of the variants under trial.
  std::vector<size_t> chosen() const;

  // The variant does not run here: its program's next variant comes under trial. False when there
  // is none left.
  bool reject(size_t index, Refusal refusal);

  // Marks what is under trial as attached, or idle when that is on request only, and as not needed
  // the variants that were not tried or that this kernel does not support.
  void accept(size_t index, int fd);

  const ObjectInfo::Program& program(size_t index) const { return *programs_[index]; }
  std::vector<ProgramStatus>& statuses() { return statuses_; }
  const std::vector<ProgramStatus>& statuses() const { return statuses_; }

 private:
  struct Role {
    std::vector<size_t> variants;
    size_t next = 0;
  };

  void add(const ObjectInfo::Program& program, const std::string& probe, const std::string& role,
           const std::string& variant);
  void choose_variant(Role& role);
  std::optional<Refusal> objection(size_t index) const;

  const ObjectSettings& settings_;
  const KernelBtf* kernel_;
  const bool by_conventions_;  // ObjectSource::follows_conventions
  std::vector<const ObjectInfo::Program*> programs_;
  std::vector<ProgramStatus> statuses_;
  std::vector<Role> roles_;
  std::vector<size_t> role_of_;
};

}  // namespace kernel_exporter

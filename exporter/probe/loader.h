// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "probe/kernel_btf.h"
#include "probe/object_info.h"
#include "probe/object_source.h"
#include "probe/program_status.h"

namespace kernel_exporter {

// What a rule file changes in an object before it is loaded.
struct ObjectSettings {
  std::map<std::string, std::vector<std::byte>> constants;  // by variable name; size must match
  std::map<std::string, uint32_t> max_entries;              // by map name

  // Requirements (needs.h) taken as unmet, as they are written in the object: forces the fallback
  // of a program on a kernel that does not need it.
  std::set<std::string> assume_missing;
};

// A probe to load from an object: its name and which programs (without variants) belong to it.
struct ProbeRequest {
  std::string probe;
  std::set<std::string> programs;  // empty: all that belong to the probe
};

// A loaded object with its links. Destruction detaches. Maps stay readable while it lives.
// Thread-safe.
class LoadedObject {
 public:
  virtual ~LoadedObject() = default;

  // In the order of the object, each variant one entry.
  virtual std::vector<ProgramStatus> programs() const = 0;
  // Attaches, or detaches, the programs that are so on request only, all of them. What does not
  // attach is kFailed until the next request; the error names the first of these.
  [[nodiscard]] virtual Result<void> attach_requested(bool attached) = 0;
  // File descriptor of a map, -1 when the map was not created because no loaded program uses it.
  virtual int map_fd(std::string_view name) const = 0;
  virtual const MapInfo* map(std::string_view name) const = 0;
};

// Loads and attaches all probes of one object, as ObjectSource::follows_conventions has it. A
// program's variants are tried in the order they have in the object: one whose needs the kernel's
// BTF does not meet is kUnsupported, the first that loads and attaches wins. A probe or program
// that does not load never stops the others: all are loaded in one go first; when that fails, each
// probe, then each program, is tried alone to find the culprit, and the rest is loaded without it.
// A program on request is attached once, to prove that it can be, and then waits for
// attach_requested() (kIdle). Only an object that cannot even be read or opened, or that has no
// such constant or map as `settings` names, is an error.
[[nodiscard]] Result<std::unique_ptr<LoadedObject>> load_object(
    const ObjectSource& source, std::span<const ProbeRequest> probes,
    const ObjectSettings& settings, const KernelBtf* kernel);

}  // namespace kernel_exporter

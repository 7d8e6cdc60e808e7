// SPDX-License-Identifier: Apache-2.0
#include "probe/generation.h"

#include <algorithm>
#include <atomic>

namespace kernel_exporter {
namespace {

std::atomic<uint64_t> last_number = 0;

}  // namespace

Generation::Generation() : number_(++last_number) {}

Result<void> Generation::load(const ObjectSource& source, std::span<const ProbeRequest> probes,
                              const ObjectSettings& settings, const KernelBtf* kernel) {
  auto loaded = load_object(source, probes, settings, kernel);
  if (!loaded) return tl::unexpected(loaded.error());
  add(source, std::move(*loaded));
  return {};
}

void Generation::add(ObjectSource source, std::unique_ptr<LoadedObject> object) {
  objects_.emplace_back(std::move(source), std::move(object));
}

const LoadedObject* Generation::find(const ObjectSource& source) const {
  const auto found = std::ranges::find_if(
      objects_, [&source](const auto& object) { return object.first == source; });
  return found == objects_.end() ? nullptr : found->second.get();
}

int Generation::map_fd(std::string_view name, const ObjectSource& source) const {
  const LoadedObject* object = find(source);
  return object ? object->map_fd(name) : -1;
}

const MapInfo* Generation::map(std::string_view name, const ObjectSource& source) const {
  const LoadedObject* object = find(source);
  return object ? object->map(name) : nullptr;
}

std::vector<ProgramStatus> Generation::programs() const {
  std::vector<ProgramStatus> programs;
  for (const auto& [source, object] : objects_) {
    std::vector<ProgramStatus> own = object->programs();
    std::ranges::move(own, std::back_inserter(programs));
  }
  return programs;
}

Result<void> Generation::attach_requested(bool attached) {
  Result<void> outcome;
  for (const auto& [source, object] : objects_) {
    const Result<void> one = object->attach_requested(attached);
    if (!one && outcome) outcome = one;
  }
  return outcome;
}

}  // namespace kernel_exporter

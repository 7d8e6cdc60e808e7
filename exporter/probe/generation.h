// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "probe/kernel_btf.h"
#include "probe/loader.h"
#include "probe/object_source.h"

namespace kernel_exporter {

// The objects that one set of rules needs, loaded together, with their programs, links and maps.
// Whoever reads or writes a map holds the generation by std::shared_ptr and looks the map up by
// name when it uses it, so a descriptor is never used after its map is gone, and a later generation
// can take the place of this one. With its last owner it detaches and its maps are freed. Several
// can be loaded side by side. Thread-safe once no object is added any more.
class Generation {
 public:
  // Takes a number above those of all generations made before in this process.
  Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  uint64_t number() const { return number_; }

  // Loads and attaches probes of an object, see load_object. After an error the others go on.
  [[nodiscard]] Result<void> load(const ObjectSource& source, std::span<const ProbeRequest> probes,
                                  const ObjectSettings& settings, const KernelBtf* kernel);
  void add(ObjectSource source, std::unique_ptr<LoadedObject> object);

  // Whether the object is loaded, with or without any of its programs attached.
  bool has(const ObjectSource& source) const { return find(source) != nullptr; }

  // File descriptor of a map, valid while the generation lives; -1: the object is not loaded, or no
  // loaded program uses the map.
  int map_fd(std::string_view name, const ObjectSource& source = {}) const;
  // Null when the object is not loaded or has no such map.
  const MapInfo* map(std::string_view name, const ObjectSource& source = {}) const;

  // Of all objects, in the order in which they were added.
  std::vector<ProgramStatus> programs() const;
  // LoadedObject::attach_requested of all objects; the error is the first.
  [[nodiscard]] Result<void> attach_requested(bool attached);

 private:
  const LoadedObject* find(const ObjectSource& source) const;

  const uint64_t number_;
  std::vector<std::pair<ObjectSource, std::unique_ptr<LoadedObject>>> objects_;
};

}  // namespace kernel_exporter

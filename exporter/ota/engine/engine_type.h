// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/yaml_section.h"
#include "host/paths.h"
#include "ota/engine/engine.h"

namespace kernel_exporter {

// The state of a connection to an engine: kernel_exporter_ota_adapter_*.
struct AdapterStatus {
  std::string engine;
  bool connected = false;
  std::optional<uint64_t> refused;  // connections that speak an unknown protocol, where that can be
};

// Follows an engine from its start to its destruction, in a thread of its own. An engine that is
// absent is no error: it may start later.
class EngineAdapter {
 public:
  virtual ~EngineAdapter() = default;

  // Nothing for an adapter that needs no connection. Any thread.
  virtual std::optional<AdapterStatus> status() const = 0;
};

// What the exporter gives an adapter. The functions may be called from any thread, and outlive the
// adapter.
struct EngineHost {
  EngineListener listener;
  // Whether an update of the engine was booted and waits for an EngineBooted.
  std::function<bool(const std::string& engine)> confirming;
  // Whether the kernel has seen what may have broken the open update of the engine.
  std::function<bool(const std::string& engine)> troubled;
  HostPaths paths = {};
};

// The section of an adapter, as parsed.
struct EngineSettings {
  std::vector<std::string> engines;  // by name; their series exist from the start
  std::function<Result<std::unique_ptr<EngineAdapter>>(EngineHost host)> start;
};

// One kind of engine: its key in `adapters` of the file, and what stands behind it.
struct EngineType {
  std::string_view key;
  // Adds a diagnostic for everything that is wrong; the result is of use only when none was added.
  EngineSettings (*parse)(const YAML::Node& node, const YamlSection& adapters);
};

}  // namespace kernel_exporter

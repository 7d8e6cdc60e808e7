// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "host/block_device.h"
#include "host/cgroup.h"
#include "host/ksym.h"
#include "host/netdev.h"
#include "labels/value.h"

namespace kernel_exporter {

// What some decoder asks for that takes privilege. Set while rules are loaded, never cleared.
struct HostUses {
  bool kernel_symbols = false;
};

// What decoders may ask the host. Outlives every decoder.
struct HostTables {
  HostPaths paths;
  NetDevices netdevs;
  Cgroups cgroups;
  KernelSymbols symbols;
  HostUses uses;
  uint32_t disks = 0;  // when this was made, so that a reload finds the same sizes of maps

  explicit HostTables(HostPaths host_paths);
  void start_scrape();
};

using EnumNames = std::map<int64_t, std::string>;

// What is known when a rule file is loaded: the key's other fields, and the BTF.
struct DecoderContext {
  HostTables* host = nullptr;  // null in `check` on a machine without these; at load time only its
                               // `uses` are marked

  // Names of an enum by its BTF name, from the object first, then from the kernel; nullopt: neither
  // has it.
  std::function<std::optional<EnumNames>(std::string_view)> enum_names;

  // The enumerators of the field's own type, when its type is an enum.
  std::optional<EnumNames> field_enum;

  // A reader of another integer field of the same key, by name; nullopt: no such integer field.
  using IntegerReader = std::function<uint64_t(std::span<const std::byte> key)>;
  std::function<std::optional<IntegerReader>(std::string_view)> key_field;
};

// One step from a key's bytes to a label's text. Immutable after construction; decode() runs under
// the scrape lock.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void decode(Value& value, std::span<const std::byte> key) const = 0;
};

// One link of a `decode:` chain: a plain scalar `softirq`, or a map of one entry
// `{prefix_split: {sep: ".", keep: 2}}`. Errors name the decoder and the argument, and what was
// expected; the caller adds file and line. An unknown name lists the known ones.
[[nodiscard]] Result<std::unique_ptr<Decoder>> make_decoder(const YAML::Node& step,
                                                            const DecoderContext& context);

// The names make_decoder knows, ascending.
std::vector<std::string_view> decoder_names();

}  // namespace kernel_exporter

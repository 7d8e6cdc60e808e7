// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "probe/btf_handle.h"

namespace kernel_exporter {

// The running kernel's types: sysfs/kernel/btf/vmlinux, and those of its modules beside it.
// Immutable after load. Reading them takes 10 ms and holds 6 MB: load once, share, free after use.
class KernelBtf {
 public:
  // The error names the file and the remedy (CONFIG_DEBUG_INFO_BTF).
  [[nodiscard]] static Result<KernelBtf> load(const std::string& sysfs);

  // Type that a tp_btf program attaches to: typedef btf_trace_NAME; nullopt: no such tracepoint in
  // the kernel image.
  std::optional<uint32_t> tracepoint_id(std::string_view name) const;
  // Arguments of a raw tracepoint, without the leading void pointer of its prototype.
  std::optional<int> tracepoint_arguments(std::string_view name) const;

  // Type that a program on a function of the kernel image attaches to. Reads all types: 1 ms.
  std::optional<uint32_t> function_id(std::string_view name) const;
  // In a module that is loaded now (their types are there from 5.11 on).
  bool module_has_function(std::string_view name) const;
  bool has_field(std::string_view structure, std::string_view member) const;
  std::optional<std::map<int64_t, std::string>> enumerators(std::string_view enum_name) const;

  // Types of the kernel image.
  const btf* types() const { return types_.get(); }
  // Structs, unions, enums and typedefs of the kernel image that have this name apart from a
  // flavour (essential_name), ascending.
  std::vector<uint32_t> named(std::string_view name) const;
  // Calls `visit` with the types of each module that is loaded now, ids below
  // btf__type_cnt(types()) being those of the image.
  void for_each_module(const std::function<void(const btf* types)>& visit) const;

 private:
  KernelBtf(BtfHandle types, std::string folder);
  std::optional<uint32_t> find(std::string_view name, uint32_t kind) const;

  BtfHandle types_;
  std::string folder_;
  // What named() searches: hash of the name in the upper half, id in the lower; ascending.
  std::vector<uint64_t> index_;
};

}  // namespace kernel_exporter

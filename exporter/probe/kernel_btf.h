// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

struct btf;

namespace kernel_exporter {

// The running kernel's types: sysfs/kernel/btf/vmlinux, and for functions those of its modules
// beside it. Immutable after load.
class KernelBtf {
 public:
  // The error names the file and the remedy (CONFIG_DEBUG_INFO_BTF).
  [[nodiscard]] static Result<KernelBtf> load(const std::string& sysfs);

  // Arguments of a raw tracepoint, from the prototype behind typedef btf_trace_NAME, without its
  // leading void pointer; nullopt: no such tracepoint in the kernel image.
  std::optional<int> tracepoint_arguments(std::string_view name) const;

  // Of a function in the kernel image; nullopt: it is not there.
  std::optional<uint32_t> function_id(std::string_view name) const;
  // In the kernel image or in a module that is loaded now (their types are there from 5.11 on).
  bool has_function(std::string_view name) const;
  bool has_field(std::string_view structure, std::string_view member) const;
  std::optional<std::map<int64_t, std::string>> enumerators(std::string_view enum_name) const;

 private:
  struct Free {
    void operator()(btf* types) const;
  };
  KernelBtf(btf* types, std::string folder) : types_(types), folder_(std::move(folder)) {}
  bool module_has_function(const std::string& module, const std::string& name) const;

  std::unique_ptr<btf, Free> types_;
  std::string folder_;
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "probe/kernel_btf.h"

#include <bpf/btf.h>

#include <filesystem>

#include "probe/btf_layout.h"
#include "probe/libbpf_log.h"

namespace kernel_exporter {
namespace {

constexpr int kMaxDepth = 16;
constexpr const char* kImage = "vmlinux";

const btf_type* resolve(const btf* types, uint32_t type_id) {
  const uint32_t id = strip_modifiers(types, type_id);
  return id ? btf__type_by_id(types, id) : nullptr;
}

bool member_exists(const btf* types, const btf_type* type, std::string_view path, int depth) {
  if (path.empty() || !type || !btf_is_composite(type) || depth > kMaxDepth) return false;
  const size_t dot = path.find('.');
  const std::string_view first = path.substr(0, dot);
  for (int i = 0; i < btf_vlen(type); ++i) {
    const btf_member& member = btf_members(type)[i];
    const std::string_view name = btf_name(types, member.name_off);
    if (name == first) {
      if (dot == std::string_view::npos) return true;
      return member_exists(types, resolve(types, member.type), path.substr(dot + 1), depth + 1);
    }
    if (name.empty() && member_exists(types, resolve(types, member.type), path, depth + 1)) {
      return true;
    }
  }
  return false;
}

}  // namespace

void KernelBtf::Free::operator()(btf* types) const { btf__free(types); }

Result<KernelBtf> KernelBtf::load(const std::string& sysfs) {
  capture_libbpf_log();
  const std::string folder = sysfs + "/kernel/btf";
  const std::string path = folder + "/" + kImage;
  btf* types = btf__parse_raw(path.c_str());
  if (!types) {
    return fail(path + ": " + errno_text(errno) +
                "; the kernel must be built with CONFIG_DEBUG_INFO_BTF=y");
  }
  return KernelBtf(types, folder);
}

std::optional<int> KernelBtf::tracepoint_arguments(std::string_view name) const {
  const std::string alias = "btf_trace_" + std::string(name);
  const int id = btf__find_by_name_kind(types_.get(), alias.c_str(), BTF_KIND_TYPEDEF);
  const btf_type* pointer = id > 0 ? resolve(types_.get(), id) : nullptr;
  if (!pointer || !btf_is_ptr(pointer)) return std::nullopt;
  const btf_type* prototype = resolve(types_.get(), pointer->type);
  if (!prototype || !btf_is_func_proto(prototype) || btf_vlen(prototype) == 0) return std::nullopt;
  return btf_vlen(prototype) - 1;
}

std::optional<uint32_t> KernelBtf::function_id(std::string_view name) const {
  const int id = btf__find_by_name_kind(types_.get(), std::string(name).c_str(), BTF_KIND_FUNC);
  return id > 0 ? std::optional<uint32_t>(id) : std::nullopt;
}

bool KernelBtf::has_function(std::string_view name) const {
  if (function_id(name)) return true;
  const std::string function(name);
  std::error_code error;
  std::filesystem::directory_iterator module(folder_, error);
  for (; !error && module != std::filesystem::directory_iterator(); module.increment(error)) {
    const std::string file = module->path().filename();
    if (file != kImage && module_has_function(module->path(), function)) return true;
  }
  return false;
}

bool KernelBtf::module_has_function(const std::string& module, const std::string& name) const {
  const std::unique_ptr<btf, Free> types(btf__parse_split(module.c_str(), types_.get()));
  if (!types) return false;
  const uint32_t end = btf__type_cnt(types.get());
  for (uint32_t id = btf__type_cnt(types_.get()); id < end; ++id) {
    const btf_type* type = btf__type_by_id(types.get(), id);
    if (btf_is_func(type) && name == btf_name(types.get(), type->name_off)) return true;
  }
  return false;
}

bool KernelBtf::has_field(std::string_view structure, std::string_view member) const {
  if (structure.empty() || member.empty()) return false;
  // Two structs of one name are not rare (private ones of drivers): any of them will do.
  const uint32_t count = btf__type_cnt(types_.get());
  for (uint32_t id = 1; id < count; ++id) {
    const btf_type* type = btf__type_by_id(types_.get(), id);
    if (!btf_is_composite(type) || btf_name(types_.get(), type->name_off) != structure) continue;
    if (member_exists(types_.get(), type, member, 0)) return true;
  }
  return false;
}

std::optional<std::map<int64_t, std::string>> KernelBtf::enumerators(
    std::string_view enum_name) const {
  const std::string name(enum_name);
  for (const uint32_t kind : {uint32_t{BTF_KIND_ENUM}, uint32_t{BTF_KIND_ENUM64}}) {
    const int id = btf__find_by_name_kind(types_.get(), name.c_str(), kind);
    if (id > 0) return enumerators_of(types_.get(), id);
  }
  return std::nullopt;
}

}  // namespace kernel_exporter

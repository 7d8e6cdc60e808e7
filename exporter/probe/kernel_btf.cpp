// SPDX-License-Identifier: Apache-2.0
#include "probe/kernel_btf.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/unique_fd.h"
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

// From 6.16 on the file can be mapped. Before, the kernel hands it out in pieces of 4 KiB, which
// libbpf reads into a buffer before it copies them.
BtfHandle parse(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status = {};
  if (!file || ::fstat(file.get(), &status) != 0) return nullptr;
  const auto size = static_cast<size_t>(status.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) return BtfHandle(btf__parse_raw(path.c_str()));
  BtfHandle types(btf__new(data, static_cast<uint32_t>(size)));
  ::munmap(data, size);
  return types;
}

bool is_indexed(const btf_type* type) {
  return btf_is_composite(type) || btf_is_any_enum(type) || btf_is_typedef(type);
}

uint64_t upper_half(std::string_view name) {
  return uint64_t{std::hash<std::string_view>()(name)} << 32;
}

std::vector<uint64_t> index_of(const btf* types) {
  std::vector<uint64_t> index;
  const uint32_t count = btf__type_cnt(types);
  for (uint32_t id = 1; id < count; ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (!is_indexed(type) || type->name_off == 0) continue;
    index.push_back(upper_half(essential_name(btf_name(types, type->name_off))) | id);
  }
  std::sort(index.begin(), index.end());
  return index;
}

bool defines_function(const btf* module, uint32_t first_id, std::string_view name) {
  const uint32_t end = btf__type_cnt(module);
  for (uint32_t id = first_id; id < end; ++id) {
    const btf_type* type = btf__type_by_id(module, id);
    if (btf_is_func(type) && name == btf_name(module, type->name_off)) return true;
  }
  return false;
}

}  // namespace

KernelBtf::KernelBtf(BtfHandle types, std::string folder)
    : types_(std::move(types)), folder_(std::move(folder)), index_(index_of(types_.get())) {}

Result<KernelBtf> KernelBtf::load(const std::string& sysfs) {
  capture_libbpf_log();
  std::string folder = sysfs + "/kernel/btf";
  const std::string path = folder + "/" + kImage;
  BtfHandle types = parse(path);
  if (!types) {
    return fail(path + ": " + errno_text(errno) +
                "; the kernel must be built with CONFIG_DEBUG_INFO_BTF=y");
  }
  return KernelBtf(std::move(types), std::move(folder));
}

std::vector<uint32_t> KernelBtf::named(std::string_view name) const {
  std::vector<uint32_t> ids;
  const uint64_t hash = upper_half(name);
  for (auto entry = std::lower_bound(index_.begin(), index_.end(), hash);
       entry != index_.end() && (*entry >> 32) == (hash >> 32); ++entry) {
    const auto id = static_cast<uint32_t>(*entry);
    const btf_type* type = btf__type_by_id(types_.get(), id);
    if (essential_name(btf_name(types_.get(), type->name_off)) == name) ids.push_back(id);
  }
  return ids;
}

std::optional<uint32_t> KernelBtf::find(std::string_view name, uint32_t kind) const {
  for (const uint32_t id : named(essential_name(name))) {
    const btf_type* type = btf__type_by_id(types_.get(), id);
    if (btf_kind(type) == kind && btf_name(types_.get(), type->name_off) == name) return id;
  }
  return std::nullopt;
}

std::optional<uint32_t> KernelBtf::tracepoint_id(std::string_view name) const {
  return find("btf_trace_" + std::string(name), BTF_KIND_TYPEDEF);
}

std::optional<int> KernelBtf::tracepoint_arguments(std::string_view name) const {
  const auto id = tracepoint_id(name);
  const btf_type* pointer = id ? resolve(types_.get(), *id) : nullptr;
  if (!pointer || !btf_is_ptr(pointer)) return std::nullopt;
  const btf_type* prototype = resolve(types_.get(), pointer->type);
  if (!prototype || !btf_is_func_proto(prototype) || btf_vlen(prototype) == 0) return std::nullopt;
  return btf_vlen(prototype) - 1;
}

std::optional<uint32_t> KernelBtf::function_id(std::string_view name) const {
  const int id = btf__find_by_name_kind(types_.get(), std::string(name).c_str(), BTF_KIND_FUNC);
  return id > 0 ? std::optional<uint32_t>(id) : std::nullopt;
}

bool KernelBtf::module_has_function(std::string_view name) const {
  bool found = false;
  for_each_module([&](const btf* module) {
    found = found || defines_function(module, btf__type_cnt(types_.get()), name);
  });
  return found;
}

void KernelBtf::for_each_module(const std::function<void(const btf* types)>& visit) const {
  std::error_code error;
  std::filesystem::directory_iterator module(folder_, error);
  for (; !error && module != std::filesystem::directory_iterator(); module.increment(error)) {
    if (module->path().filename() == kImage) continue;
    const BtfHandle types(btf__parse_split(module->path().c_str(), types_.get()));
    if (types) visit(types.get());
  }
}

bool KernelBtf::has_field(std::string_view structure, std::string_view member) const {
  // Two structs of one name are not rare (private ones of drivers): any of them will do.
  for (const uint32_t id : named(essential_name(structure))) {
    const btf_type* type = btf__type_by_id(types_.get(), id);
    if (btf_name(types_.get(), type->name_off) != structure) continue;
    if (member_exists(types_.get(), type, member, 0)) return true;
  }
  return false;
}

std::optional<std::map<int64_t, std::string>> KernelBtf::enumerators(
    std::string_view enum_name) const {
  for (const uint32_t kind : {uint32_t{BTF_KIND_ENUM}, uint32_t{BTF_KIND_ENUM64}}) {
    if (const auto id = find(enum_name, kind)) return enumerators_of(types_.get(), *id);
  }
  return std::nullopt;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "probe/btf_check.h"

#include <cstring>
#include <string>
#include <vector>

#include "probe/btf_handle.h"
#include "probe/libbpf_log.h"

namespace kernel_exporter {
namespace {

template <typename Entry>
void collect(const Entry* entries, int count, std::vector<uint32_t>& references,
             std::vector<uint32_t>& names) {
  for (int i = 0; i < count; ++i) {
    references.push_back(entries[i].type);
    names.push_back(entries[i].name_off);
  }
}

template <typename Entry>
void collect_names(const Entry* entries, int count, std::vector<uint32_t>& names) {
  for (int i = 0; i < count; ++i) names.push_back(entries[i].name_off);
}

// An object has no more than this; the kernel's own longest name has 512 characters. Names and
// enumerators are copied each time that they are referred to, so that few bytes could become many.
constexpr size_t kMaxNameBytes = 512;
constexpr size_t kMaxNamesBytes = 16 << 20;
constexpr size_t kMaxEnumerators = 1 << 16;

// The types and names that a type refers to.
void follow(const btf_type* type, std::vector<uint32_t>& references, std::vector<uint32_t>& names) {
  const int count = btf_vlen(type);
  names.push_back(type->name_off);
  switch (btf_kind(type)) {
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return collect(btf_members(type), count, references, names);
    case BTF_KIND_FUNC_PROTO:
      references.push_back(type->type);
      return collect(btf_params(type), count, references, names);
    case BTF_KIND_ARRAY:
      references.push_back(btf_array(type)->type);
      references.push_back(btf_array(type)->index_type);
      return;
    case BTF_KIND_DATASEC:
      for (int i = 0; i < count; ++i) references.push_back(btf_var_secinfos(type)[i].type);
      return;
    case BTF_KIND_ENUM:
      return collect_names(btf_enum(type), count, names);
    case BTF_KIND_ENUM64:
      return collect_names(btf_enum64(type), count, names);
    case BTF_KIND_INT:
    case BTF_KIND_FLOAT:
    case BTF_KIND_FWD:
      return;
    default:
      references.push_back(type->type);
  }
}

struct Totals {
  size_t name_bytes = 0;
  size_t enumerators = 0;
};

bool is_sound(const btf* types, uint32_t id, Totals& totals) {
  const btf_type* type = btf__type_by_id(types, id);
  std::vector<uint32_t> references;
  std::vector<uint32_t> names;
  follow(type, references, names);
  for (const uint32_t reference : references) {
    if (reference >= btf__type_cnt(types)) return false;
  }
  for (const uint32_t name : names) {
    const char* text = btf__str_by_offset(types, name);
    const size_t length = text ? strnlen(text, kMaxNameBytes + 1) : kMaxNameBytes + 1;
    if (length > kMaxNameBytes) return false;
    totals.name_bytes += length;
  }
  if (btf_is_any_enum(type)) totals.enumerators += btf_vlen(type);
  if (btf_is_func(type)) return btf_is_func_proto(btf__type_by_id(types, type->type));
  if (!btf_is_mod(type) && !btf_is_typedef(type)) return true;
  // A circle of typedefs; void, which const may well refer to, ends the chain too.
  uint32_t end = id;
  for (int depth = 0; depth < 32; ++depth) {
    const btf_type* step = btf__type_by_id(types, end);
    if (end == 0 || (!btf_is_mod(step) && !btf_is_typedef(step))) return true;
    end = step->type;
    if (end >= btf__type_cnt(types)) return false;
  }
  return false;
}

}  // namespace

Result<void> check_btf(std::span<const std::byte> section) {
  capture_libbpf_log();
  const BtfHandle types(btf__new(section.data(), static_cast<uint32_t>(section.size())));
  if (!types) return fail("its BTF is damaged");
  const uint32_t count = btf__type_cnt(types.get());
  Totals totals;
  for (uint32_t id = 1; id < count; ++id) {
    if (!is_sound(types.get(), id, totals)) {
      return fail("its BTF is damaged at type " + std::to_string(id));
    }
    if (totals.name_bytes > kMaxNamesBytes) return fail("its BTF has more than 16 MiB of names");
    if (totals.enumerators > kMaxEnumerators)
      return fail("its BTF has more than 65536 enumerators");
  }
  return {};
}

}  // namespace kernel_exporter

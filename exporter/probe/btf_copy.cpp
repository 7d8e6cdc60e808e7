// SPDX-License-Identifier: Apache-2.0
#include "probe/btf_copy.h"

#include <algorithm>

namespace kernel_exporter {

BtfCopy::BtfCopy(std::unordered_set<std::string_view> names)
    : names_(std::move(names)), target_(btf__new_empty()), failed_(!target_) {}

void BtfCopy::set_source(const btf* source, uint32_t first_own) {
  std::erase_if(copied_, [first_own](const auto& entry) { return entry.first >= first_own; });
  source_ = source;
}

int BtfCopy::add(uint32_t id) {
  const btf_type* type = id ? btf__type_by_id(source_, id) : nullptr;
  if (!type || failed_) return 0;
  const auto [known, is_new] = copied_.try_emplace(id, 0);
  if (!is_new) return known->second;
  const int copy = add_new(*type);
  failed_ = failed_ || copy < 0;
  return copied_[id] = std::max(copy, 0);
}

std::vector<std::byte> BtfCopy::bytes() const {
  uint32_t size = 0;
  const void* data = failed_ ? nullptr : btf__raw_data(target_.get(), &size);
  if (!data) return {};
  const auto* begin = static_cast<const std::byte*>(data);
  return {begin, begin + size};
}

int BtfCopy::add_new(const btf_type& type) {
  btf* to = target_.get();
  switch (btf_kind(&type)) {
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return add_composite(type);
    case BTF_KIND_ARRAY:
      return add_array(type);
    case BTF_KIND_PTR:
      return btf__add_ptr(to, 0);
    case BTF_KIND_TYPEDEF:
      return btf__add_typedef(to, name(type.name_off), add(type.type));
    case BTF_KIND_VOLATILE:
      return btf__add_volatile(to, add(type.type));
    case BTF_KIND_CONST:
      return btf__add_const(to, add(type.type));
    case BTF_KIND_RESTRICT:
      return btf__add_restrict(to, add(type.type));
    case BTF_KIND_TYPE_TAG:
      return btf__add_type_tag(to, name(type.name_off), add(type.type));
    case BTF_KIND_INT:
    case BTF_KIND_FLOAT:
    case BTF_KIND_FWD:
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
      return btf__add_type(to, source_, &type);
    default:
      return 0;
  }
}

int BtfCopy::add_array(const btf_type& type) {
  const struct btf_array& array = *btf_array(&type);
  const int index = add(array.index_type);
  const int element = add(array.type);
  return btf__add_array(target_.get(), index, element, array.nelems);
}

int BtfCopy::add_composite(const btf_type& type) {
  struct Member {
    const char* name;
    int type;
    uint32_t bit_offset;
    uint32_t bit_size;
  };
  std::vector<Member> members;
  for (int i = 0; i < btf_vlen(&type); ++i) {
    const btf_member& member = btf_members(&type)[i];
    const char* text = name(member.name_off);
    const bool wanted = names_.contains(text);
    members.push_back({wanted ? text : "", wanted ? add(member.type) : 0,
                       btf_member_bit_offset(&type, static_cast<uint32_t>(i)),
                       btf_member_bitfield_size(&type, static_cast<uint32_t>(i))});
  }
  btf* to = target_.get();
  const char* own_name = name(type.name_off);
  const int id = btf_is_struct(&type) ? btf__add_struct(to, own_name, type.size)
                                      : btf__add_union(to, own_name, type.size);
  for (const Member& member : members) {
    const int error =
        btf__add_field(to, member.name, member.type, member.bit_offset, member.bit_size);
    if (error) return error;
  }
  return id;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "probe/btf_layout.h"

#include <bpf/btf.h>

namespace kernel_exporter {
namespace {

// Deeper than any type a compiler emits for a map; stops cycles in damaged BTF.
constexpr int kMaxDepth = 32;

bool is_readable_size(uint32_t size) { return size == 1 || size == 2 || size == 4 || size == 8; }

bool is_char(const btf* types, const btf_type* type) {
  return btf_is_int(type) && type->size == 1 &&
         ((btf_int_encoding(type) & BTF_INT_CHAR) || btf_name(types, type->name_off) == "char");
}

class Builder {
 public:
  Builder(const btf* types, Layout& layout, LayoutBudget& budget)
      : types_(types), layout_(layout), budget_(budget) {}

  void add(const std::string& path, uint32_t type_id, uint32_t offset, int depth) {
    const uint32_t id = strip_modifiers(types_, type_id);
    const btf_type* type = id ? btf__type_by_id(types_, id) : nullptr;
    const int64_t size = type ? btf__resolve_size(types_, id) : -1;
    if (size < 0 || depth > kMaxDepth) return;
    Field field;
    field.path = path;
    field.offset = offset;
    field.size = static_cast<uint32_t>(size);
    describe(field, id, type);
    spend_text(field);
    layout_.fields.push_back(std::move(field));
    if (btf_is_struct(type)) add_members(type, path + ".", offset, depth + 1);
  }

  void add_members(const btf_type* type, const std::string& prefix, uint32_t offset, int depth) {
    for (int i = 0; i < btf_vlen(type) && !budget_.spent(); ++i) {
      --budget_.members;
      if (btf_member_bitfield_size(type, i) != 0) continue;
      const uint32_t bits = btf_member_bit_offset(type, i);
      if (bits % 8 != 0) continue;
      add_member(btf_members(type)[i], prefix, offset + bits / 8, depth);
    }
  }

 private:
  void spend_text(const Field& field) {
    budget_.spend_text(field.path.size());
    for (const auto& [value, name] : field.enumerators) {
      budget_.spend_text(sizeof value + name.size());
    }
  }

  void add_member(const btf_member& member, const std::string& prefix, uint32_t offset, int depth) {
    const std::string_view name = btf_name(types_, member.name_off);
    if (!name.empty()) return add(prefix + std::string(name), member.type, offset, depth);
    const uint32_t id = strip_modifiers(types_, member.type);
    const btf_type* type = id ? btf__type_by_id(types_, id) : nullptr;
    if (type && btf_is_composite(type) && depth <= kMaxDepth) {
      add_members(type, prefix, offset, depth + 1);
    }
  }

  void describe(Field& field, uint32_t id, const btf_type* type) {
    if (btf_is_int(type) && is_readable_size(field.size)) {
      const bool is_signed = btf_int_encoding(type) & BTF_INT_SIGNED;
      field.kind = is_signed ? FieldKind::kSigned : FieldKind::kUnsigned;
    } else if (btf_is_ptr(type)) {
      field.kind = FieldKind::kUnsigned;
    } else if (btf_is_any_enum(type) && is_readable_size(field.size)) {
      field.kind = FieldKind::kEnum;
      field.type_name = btf_name(types_, type->name_off);
      field.enumerators = enumerators_of(types_, id);
    } else if (btf_is_struct(type)) {
      field.kind = FieldKind::kStruct;
      field.type_name = btf_name(types_, type->name_off);
    } else if (btf_is_array(type)) {
      describe_array(field, type);
    }
  }

  void describe_array(Field& field, const btf_type* type) {
    const struct btf_array* array = btf_array(type);
    const uint32_t id = strip_modifiers(types_, array->type);
    const btf_type* element = id ? btf__type_by_id(types_, id) : nullptr;
    if (!element || !btf_is_int(element) || !is_readable_size(element->size)) return;
    field.kind = is_char(types_, element) ? FieldKind::kText : FieldKind::kArray;
    field.element_size = element->size;
    field.count = array->nelems;
  }

  const btf* types_;
  Layout& layout_;
  LayoutBudget& budget_;
};

}  // namespace

std::string_view btf_name(const btf* types, uint32_t name_offset) {
  const char* name = btf__name_by_offset(types, name_offset);
  return name ? name : "";
}

std::string_view essential_name(std::string_view name) {
  for (size_t at = name.rfind("___"); at != std::string_view::npos && at > 0;
       at = name.rfind("___", at - 1)) {
    const bool is_separator = name[at - 1] != '_' && at + 3 < name.size() && name[at + 3] != '_';
    if (is_separator) return name.substr(0, at);
  }
  return name;
}

uint32_t strip_modifiers(const btf* types, uint32_t type_id) {
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    const btf_type* type = type_id ? btf__type_by_id(types, type_id) : nullptr;
    if (!type) return 0;
    if (!btf_is_mod(type) && !btf_is_typedef(type)) return type_id;
    type_id = type->type;
  }
  return 0;
}

std::map<int64_t, std::string> enumerators_of(const btf* types, uint32_t type_id) {
  std::map<int64_t, std::string> names;
  const btf_type* type = btf__type_by_id(types, type_id);
  if (!type || !btf_is_any_enum(type)) return names;
  for (int i = 0; i < btf_vlen(type); ++i) {
    // The first of two names for one value is the one that counts up; the second is an alias.
    if (btf_is_enum(type)) {
      const struct btf_enum& entry = btf_enum(type)[i];
      names.emplace(entry.val, btf_name(types, entry.name_off));
    } else {
      const struct btf_enum64& entry = btf_enum64(type)[i];
      names.emplace(static_cast<int64_t>(btf_enum64_value(&entry)),
                    btf_name(types, entry.name_off));
    }
  }
  return names;
}

Layout layout_of(const btf* types, uint32_t type_id, std::string_view scalar_name,
                 LayoutBudget& budget) {
  Layout layout;
  const uint32_t id = types && type_id ? strip_modifiers(types, type_id) : 0;
  const btf_type* type = id ? btf__type_by_id(types, id) : nullptr;
  const int64_t size = type ? btf__resolve_size(types, id) : -1;
  if (size < 0) return layout;
  layout.size = static_cast<uint32_t>(size);
  Builder builder(types, layout, budget);
  if (btf_is_struct(type)) {
    layout.type_name = btf_name(types, type->name_off);
    builder.add_members(type, "", 0, 0);
  } else {
    builder.add(std::string(scalar_name), id, 0, 0);
  }
  // Damaged BTF may put a member behind the end of its struct.
  std::erase_if(layout.fields, [&](const Field& field) {
    return field.offset > layout.size || field.size > layout.size - field.offset;
  });
  return layout;
}

}  // namespace kernel_exporter

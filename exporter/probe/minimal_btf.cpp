// SPDX-License-Identifier: Apache-2.0
#include "probe/minimal_btf.h"

#include <linux/bpf.h>

#include <algorithm>
#include <unordered_set>

#include "probe/btf_layout.h"
#include "probe/core_relocation.h"

namespace kernel_exporter {
namespace {

using Names = std::unordered_set<std::string_view>;

// Names of all members that the object knows: what a relocation can ask for.
Names member_names(const btf* types) {
  Names names = {""};  // relocations look through anonymous members
  const uint32_t count = btf__type_cnt(types);
  for (uint32_t id = 1; id < count; ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (!btf_is_composite(type)) continue;
    for (int i = 0; i < btf_vlen(type); ++i) {
      names.insert(btf_name(types, btf_members(type)[i].name_off));
    }
  }
  return names;
}

std::string_view name_of(const btf* types, uint32_t id) {
  return essential_name(btf_name(types, btf__type_by_id(types, id)->name_off));
}

bool is_candidate(const btf* types, uint32_t id, const btf* local, uint32_t root) {
  const btf_type* type = btf__type_by_id(types, id);
  const btf_type* wanted = btf__type_by_id(local, root);
  return btf_kind(type) == btf_kind(wanted) || (btf_is_any_enum(type) && btf_is_any_enum(wanted));
}

bool is_supported(const btf_type& type, uint32_t kind) {
  const bool is_leaf = btf_is_composite(&type) || btf_is_any_enum(&type);
  switch (kind) {
    case BPF_CORE_FIELD_BYTE_OFFSET:
    case BPF_CORE_FIELD_BYTE_SIZE:
    case BPF_CORE_FIELD_EXISTS:
    case BPF_CORE_FIELD_SIGNED:
    case BPF_CORE_FIELD_LSHIFT_U64:
    case BPF_CORE_FIELD_RSHIFT_U64:
    case BPF_CORE_ENUMVAL_EXISTS:
    case BPF_CORE_ENUMVAL_VALUE:
      return is_leaf || btf_is_typedef(&type);
    case BPF_CORE_TYPE_EXISTS:
    case BPF_CORE_TYPE_SIZE:
      return is_leaf;  // a typedef may lead through pointers
    default:
      return kind == BPF_CORE_TYPE_ID_LOCAL;
  }
}

// Programs by section.
using Programs = std::multimap<std::string_view, ElfFile::Program>;

std::string program_at(const Programs& programs, std::string_view section, uint64_t offset) {
  const auto [begin, end] = programs.equal_range(section);
  for (auto entry = begin; entry != end; ++entry) {
    const ElfFile::Program& program = entry->second;
    if (offset >= program.begin && offset < program.end) return std::string(program.name);
  }
  return "";
}

}  // namespace

MinimalBtf::MinimalBtf(const KernelBtf& kernel, BtfHandle local)
    : kernel_(&kernel), local_(std::move(local)) {}

std::optional<MinimalBtf> MinimalBtf::create(const ElfFile& object, const KernelBtf& kernel) {
  const auto section = object.section(".BTF");
  BtfHandle local(btf__new(section.data(), static_cast<uint32_t>(section.size())));
  const auto relocations = core_relocations(object.section(".BTF.ext"));
  if (!local || !relocations || relocations->empty()) return std::nullopt;
  Programs programs;
  for (const ElfFile::Program& program : object.programs()) {
    programs.emplace(program.section, program);
  }
  MinimalBtf minimal(kernel, std::move(local));
  for (const CoreRelocation& relocation : *relocations) {
    const btf_type* type = btf__type_by_id(minimal.local_.get(), relocation.type_id);
    if (!type || !is_supported(*type, relocation.kind)) return std::nullopt;
    const std::string_view name = btf_name(minimal.local_.get(), relocation.section_name);
    minimal.roots_[program_at(programs, name, relocation.offset)].insert(relocation.type_id);
  }
  return minimal;
}

std::set<uint32_t> MinimalBtf::roots_of(const std::set<std::string>& programs) const {
  std::set<uint32_t> roots;
  for (const auto& [program, own] : roots_) {
    if (program.empty() || programs.contains(program)) roots.insert(own.begin(), own.end());
  }
  return roots;
}

std::vector<std::byte> MinimalBtf::for_programs(const std::set<std::string>& programs) const {
  const btf* image = kernel_->types();
  BtfCopy copy(member_names(local_.get()));
  copy.set_source(image, btf__type_cnt(image));
  std::vector<uint32_t> missing;
  for (const uint32_t root : roots_of(programs)) {
    bool found = false;
    for (const uint32_t id : kernel_->named(name_of(local_.get(), root))) {
      if (!is_candidate(image, id, local_.get(), root)) continue;
      copy.add(id);
      found = true;
    }
    if (!found) missing.push_back(root);
  }
  if (!missing.empty()) add_from_modules(missing, copy);
  return copy.bytes();
}

// As libbpf does, only for types that the image does not have.
void MinimalBtf::add_from_modules(const std::vector<uint32_t>& roots, BtfCopy& copy) const {
  const uint32_t first_own = btf__type_cnt(kernel_->types());
  kernel_->for_each_module([&](const btf* module) {
    copy.set_source(module, first_own);
    const uint32_t end = btf__type_cnt(module);
    for (uint32_t id = first_own; id < end; ++id) {
      const std::string_view name = name_of(module, id);
      const bool wanted = std::ranges::any_of(roots, [&](uint32_t root) {
        return is_candidate(module, id, local_.get(), root) && name == name_of(local_.get(), root);
      });
      if (wanted) copy.add(id);
    }
  });
}

}  // namespace kernel_exporter

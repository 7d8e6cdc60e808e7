// SPDX-License-Identifier: Apache-2.0
#include "probe/object_info.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <charconv>

#include "probe/attach_target.h"
#include "probe/bpf_handle.h"
#include "probe/btf_check.h"
#include "probe/btf_layout.h"
#include "probe/elf_file.h"
#include "probe/libbpf_log.h"
#include "probe/map_type.h"
#include "probe/needs.h"

namespace kernel_exporter {
namespace {

constexpr std::string_view kConstantsSection = ".rodata";

uint64_t round_up_8(uint64_t size) { return (size + 7) / 8 * 8; }

MapInfo describe_map(const bpf_map* map, const btf* types) {
  MapInfo info;
  info.name = bpf_map__name(map);
  info.type = bpf_map__type(map);
  info.key_size = bpf_map__key_size(map);
  info.value_size = bpf_map__value_size(map);
  info.max_entries = bpf_map__max_entries(map);
  info.per_cpu = is_per_cpu(info.type);
  info.key = layout_of(types, bpf_map__btf_key_type_id(map), "key");
  info.value = layout_of(types, bpf_map__btf_value_type_id(map), "value");
  return info;
}

bpf_map* internal_map(const bpf_object* object, std::string_view suffix) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    // The kernel's name of .rodata has the object's name before it.
    if (bpf_map__is_internal(map) && std::string_view(bpf_map__name(map)).ends_with(suffix)) {
      return map;
    }
  }
  return nullptr;
}

// What the object says about its programs or maps (needs.h), by name: that of the variable without
// the prefix.
std::map<std::string, std::string> notes(const bpf_object* object, std::string_view prefix) {
  std::map<std::string, std::string> notes;
  bpf_map* map = internal_map(object, kNeedsSection);
  size_t size = 0;
  const char* data = map ? static_cast<const char*>(bpf_map__initial_value(map, &size)) : nullptr;
  if (!data) return notes;
  for (const Variable& variable : variables_of(object, kNeedsSection)) {
    if (!variable.name.starts_with(prefix)) continue;
    if (variable.offset > size || variable.size > size - variable.offset) continue;
    const std::string_view text(data + variable.offset, variable.size);
    notes[variable.name.substr(prefix.size())] = text.substr(0, text.find('\0'));
  }
  return notes;
}

std::map<std::string, std::map<int64_t, std::string>> named_enums(const btf* types) {
  std::map<std::string, std::map<int64_t, std::string>> enums;
  const uint32_t count = types ? btf__type_cnt(types) : 0;
  for (uint32_t id = 1; id < count; ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (!btf_is_any_enum(type)) continue;
    const std::string_view name = btf_name(types, type->name_off);
    if (!name.empty()) enums[std::string(name)] = enumerators_of(types, id);
  }
  return enums;
}

// Sorts programs as their source has them: libbpf lists them by section, and a section stands where
// its first program does, whosever that is. The compiler emits BTF in the order of the source.
void sort_by_source(std::vector<ObjectInfo::Program>& programs, const btf* types) {
  std::map<std::string, int> position;
  for (const ObjectInfo::Program& program : programs) {
    position[program.name] =
        types ? btf__find_by_name_kind(types, program.name.c_str(), BTF_KIND_FUNC) : 0;
  }
  std::stable_sort(programs.begin(), programs.end(), [&](const auto& left, const auto& right) {
    return position[left.name] < position[right.name];
  });
}

std::string last_line(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const size_t begin = text.rfind('\n');
  if (begin != std::string_view::npos) text.remove_prefix(begin + 1);
  if (text.starts_with("libbpf: ")) text.remove_prefix(8);
  return std::string(text);
}

}  // namespace

uint64_t MapInfo::bytes(int possible_cpus) const {
  const uint64_t values =
      per_cpu ? round_up_8(value_size) * static_cast<uint64_t>(possible_cpus) : value_size;
  return max_entries * (key_size + values);
}

const MapInfo* ObjectInfo::map(std::string_view name) const {
  for (const MapInfo& info : maps) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

bpf_map* constants_map(const bpf_object* object) { return internal_map(object, kConstantsSection); }

std::vector<Variable> variables_of(const bpf_object* object, std::string_view section) {
  std::vector<Variable> variables;
  const btf* types = bpf_object__btf(object);
  const std::string name(section);
  const int id = types ? btf__find_by_name_kind(types, name.c_str(), BTF_KIND_DATASEC) : -1;
  const btf_type* type = id > 0 ? btf__type_by_id(types, id) : nullptr;
  if (!type) return variables;
  for (int i = 0; i < btf_vlen(type); ++i) {
    const btf_var_secinfo& place = btf_var_secinfos(type)[i];
    const btf_type* variable = btf__type_by_id(types, place.type);
    if (!variable || !btf_is_var(variable)) continue;
    variables.push_back(
        {std::string(btf_name(types, variable->name_off)), place.offset, place.size});
  }
  return variables;
}

Result<ObjectHandle> open_object(std::string_view name, std::span<const std::byte> image,
                                 const std::string& kernel_types) {
  capture_libbpf_log();
  handle_tracing_sections();
  const std::string object_name(name);
  const Result<ElfFile> file = ElfFile::parse(image);
  if (!file) return fail(file.error(), object_name);
  if (const auto section = file->section(".BTF"); !section.empty()) {
    if (const Result<void> sound = check_btf(section); !sound) {
      return fail(sound.error(), object_name);
    }
  }
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = object_name.c_str());
  if (!kernel_types.empty()) options.btf_custom_path = kernel_types.c_str();
  take_libbpf_log();
  bpf_object* object = bpf_object__open_mem(image.data(), image.size(), &options);
  if (object) return ObjectHandle(object);
  const std::string cause = errno_text(errno);
  const std::string complaint = last_line(take_libbpf_log());
  return fail(object_name +
              ": not a usable BPF object: " + (complaint.empty() ? cause : complaint));
}

ObjectInfo describe_object(const bpf_object* object, std::span<const std::byte> image) {
  ObjectInfo info;
  const btf* types = bpf_object__btf(object);
  const auto needs = notes(object, kNeedsPrefix);
  const auto conditions = notes(object, kMapIfPrefix);
  const auto per_disk = notes(object, kPerDiskPrefix);
  const Result<ElfFile> file = ElfFile::parse(image);
  const auto used = file ? file->maps_by_program() : std::map<std::string, std::set<std::string>>();
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__is_internal(map)) continue;
    MapInfo& entry = info.maps.emplace_back(describe_map(map, types));
    if (const auto found = conditions.find(entry.name); found != conditions.end()) {
      entry.only_if = found->second;
    }
    if (const auto found = per_disk.find(entry.name); found != per_disk.end()) {
      const std::string& count = found->second;
      std::from_chars(count.data(), count.data() + count.size(), entry.entries_per_disk);
    }
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    ObjectInfo::Program& entry = info.programs.emplace_back();
    entry.name = bpf_program__name(program);
    entry.section = bpf_program__section_name(program);
    entry.autoload = bpf_program__autoload(program);
    if (const auto found = needs.find(entry.name); found != needs.end())
      entry.needs = split_needs(found->second);
    if (const auto found = used.find(entry.name); found != used.end()) entry.maps = found->second;
  }
  sort_by_source(info.programs, types);
  for (const Variable& constant : variables_of(object, kConstantsSection)) {
    info.constants[constant.name] = constant.size;
  }
  info.enums = named_enums(types);
  return info;
}

Result<ObjectInfo> inspect_object(std::string_view name, std::span<const std::byte> image) {
  const Result<ObjectHandle> object = open_object(name, image);
  if (!object) return tl::unexpected(object.error());
  return describe_object(object->get(), image);
}

}  // namespace kernel_exporter

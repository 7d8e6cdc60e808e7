// SPDX-License-Identifier: Apache-2.0
#include "probe/core_relocation.h"

#include <linux/bpf.h>
#include <linux/btf.h>

#include <cstddef>
#include <cstring>

namespace kernel_exporter {
namespace {

// As libbpf has it; older compilers leave the last two out.
struct ExtensionHeader {
  uint16_t magic;
  uint8_t version;
  uint8_t flags;
  uint32_t header_length;
  uint32_t functions[2];
  uint32_t lines[2];
  uint32_t relocations_offset;  // from the end of the header
  uint32_t relocations_length;
};

struct SectionHeader {
  uint32_t name;
  uint32_t records;
};

// struct bpf_core_relo of <linux/bpf.h>, whose kind may have any value in a damaged object.
struct Record {
  uint32_t offset;
  uint32_t type_id;
  uint32_t access;
  uint32_t kind;
};
static_assert(sizeof(Record) == sizeof(bpf_core_relo));

// Takes `T` off the front of `data`; false, and nothing taken, when it is too short.
template <typename T>
bool take(std::span<const std::byte>& data, T& value) {
  if (data.size() < sizeof value) return false;
  std::memcpy(&value, data.data(), sizeof value);
  data = data.subspan(sizeof value);
  return true;
}

// The part of the section that has the relocations; nullopt-like empty when it has none.
Result<std::span<const std::byte>> relocation_part(std::span<const std::byte> section) {
  const auto damaged = fail("its .BTF.ext is damaged");
  ExtensionHeader header = {};
  if (section.size() < offsetof(ExtensionHeader, relocations_offset)) return damaged;
  std::memcpy(&header, section.data(), std::min(section.size(), sizeof header));
  if (header.magic != BTF_MAGIC || header.header_length > section.size()) return damaged;
  if (header.header_length < sizeof header) return std::span<const std::byte>();
  const auto body = section.subspan(header.header_length);
  if (header.relocations_offset > body.size() ||
      header.relocations_length > body.size() - header.relocations_offset) {
    return damaged;
  }
  return body.subspan(header.relocations_offset, header.relocations_length);
}

}  // namespace

Result<std::vector<CoreRelocation>> core_relocations(std::span<const std::byte> section) {
  std::vector<CoreRelocation> relocations;
  if (section.empty()) return relocations;
  auto part = relocation_part(section);
  if (!part) return tl::unexpected(part.error());
  uint32_t record_size = 0;
  if (!take(*part, record_size)) return relocations;
  const auto damaged = fail("its CO-RE relocations are damaged");
  if (record_size < sizeof(Record)) return damaged;
  while (!part->empty()) {
    SectionHeader header = {};
    if (!take(*part, header) || header.records > part->size() / record_size) return damaged;
    for (uint32_t i = 0; i < header.records; ++i) {
      Record record = {};
      std::memcpy(&record, part->data(), sizeof record);
      *part = part->subspan(record_size);
      relocations.push_back({header.name, record.offset, record.type_id, record.kind});
    }
  }
  return relocations;
}

}  // namespace kernel_exporter

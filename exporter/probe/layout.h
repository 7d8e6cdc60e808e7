// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kernel_exporter {

enum class FieldKind {
  kUnsigned,  // 1, 2, 4 or 8 bytes
  kSigned,
  kEnum,
  kText,    // char[N]
  kArray,   // of integers, taken as unsigned: element_size and count are set
  kStruct,  // its members are fields of their own, "outer.inner"
  kBytes,   // anything else: unions, arrays of structs, floats
};

// One field of a map's key or value, by its path from the outermost struct ("dev.major"). A key or
// value that is no struct has one field, with the name "key" or "value".
struct Field {
  std::string path;
  uint32_t offset = 0;  // bytes
  uint32_t size = 0;    // bytes
  FieldKind kind = FieldKind::kBytes;
  uint32_t element_size = 0;
  uint32_t count = 0;
  std::string type_name;                       // of the struct or enum, "" for others
  std::map<int64_t, std::string> enumerators;  // kEnum
};

// The layout of a map's key or value. Bit fields are left out.
struct Layout {
  uint32_t size = 0;
  std::string type_name;  // "" when it is no struct
  std::vector<Field> fields;

  const Field* find(std::string_view path) const;
};

// The integer in `bytes` at a field of kind kUnsigned, kSigned (sign-extended) or kEnum
// (sign-extended when one of its names is negative); 0 where `bytes` ends before the field.
uint64_t read_integer(const Field& field, std::span<const std::byte> bytes);

}  // namespace kernel_exporter

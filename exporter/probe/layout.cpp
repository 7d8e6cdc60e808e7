// SPDX-License-Identifier: Apache-2.0
#include "probe/layout.h"

#include <cstring>

namespace kernel_exporter {
namespace {

bool is_signed(const Field& field) {
  if (field.kind == FieldKind::kSigned) return true;
  // BTF of older compilers does not say whether an enum is signed; a negative name does.
  return field.kind == FieldKind::kEnum && !field.enumerators.empty() &&
         field.enumerators.begin()->first < 0;
}

template <typename Signed, typename Unsigned>
uint64_t widen(const std::byte* bytes, bool sign_extend) {
  Unsigned value;
  std::memcpy(&value, bytes, sizeof value);
  return sign_extend ? static_cast<uint64_t>(static_cast<int64_t>(static_cast<Signed>(value)))
                     : value;
}

}  // namespace

const Field* Layout::find(std::string_view path) const {
  for (const Field& field : fields) {
    if (field.path == path) return &field;
  }
  return nullptr;
}

uint64_t read_integer(const Field& field, std::span<const std::byte> bytes) {
  if (field.offset > bytes.size() || field.size > bytes.size() - field.offset) return 0;
  const std::byte* at = bytes.data() + field.offset;
  const bool sign_extend = is_signed(field);
  switch (field.size) {
    case 1:
      return widen<int8_t, uint8_t>(at, sign_extend);
    case 2:
      return widen<int16_t, uint16_t>(at, sign_extend);
    case 4:
      return widen<int32_t, uint32_t>(at, sign_extend);
    case 8:
      return widen<int64_t, uint64_t>(at, sign_extend);
    default:
      return 0;
  }
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "rules/mtd_layout.h"

#include <cstddef>

namespace kernel_exporter {
namespace {

Field field(const char* path, size_t offset, size_t size, FieldKind kind) {
  Field result;
  result.path = path;
  result.offset = static_cast<uint32_t>(offset);
  result.size = static_cast<uint32_t>(size);
  result.kind = kind;
  return result;
}

Field count(const char* path, size_t offset) {
  return field(path, offset, sizeof(uint64_t), FieldKind::kUnsigned);
}

}  // namespace

const Layout& mtd_key_layout() {
  static const Layout layout = {
      sizeof(MtdKey),
      "mtd_key",
      {field("mtd", offsetof(MtdKey, mtd), sizeof(MtdKey::mtd), FieldKind::kText),
       field("index", offsetof(MtdKey, index), sizeof(uint32_t), FieldKind::kUnsigned)}};
  return layout;
}

const Layout& mtd_value_layout() {
  static const Layout layout = {sizeof(MtdValue),
                                "mtd_value",
                                {count("ecc_failures", offsetof(MtdValue, ecc_failures)),
                                 count("corrected_bits", offsetof(MtdValue, corrected_bits)),
                                 count("bad_blocks", offsetof(MtdValue, bad_blocks))}};
  return layout;
}

}  // namespace kernel_exporter

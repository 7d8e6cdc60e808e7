// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "probe/btf_handle.h"

namespace kernel_exporter {

// Copies types, each with what it contains by value, into BTF of their own. What pointers lead to
// is left out, and so are members with other names than those given: a member left out keeps its
// place without name and type, for in CO-RE it matters whether an array of open length is the last.
class BtfCopy {
 public:
  // `names` should have "", the name of anonymous members.
  explicit BtfCopy(std::unordered_set<std::string_view> names);

  // From now on types come from here: the kernel image, or a module with the image as its base,
  // whose own ids begin at `first_own`.
  void set_source(const btf* source, uint32_t first_own);

  // The id of the copy; 0 for void, and for kinds that have no size.
  int add(uint32_t id);

  // Raw BTF; empty when something could not be copied.
  std::vector<std::byte> bytes() const;

 private:
  const char* name(uint32_t offset) const { return btf__name_by_offset(source_, offset); }
  int add_new(const btf_type& type);
  int add_array(const btf_type& type);
  int add_composite(const btf_type& type);

  std::unordered_set<std::string_view> names_;
  BtfHandle target_;
  const btf* source_ = nullptr;
  std::unordered_map<uint32_t, int> copied_;  // ids of copies, by id in source_
  bool failed_ = false;
};

}  // namespace kernel_exporter

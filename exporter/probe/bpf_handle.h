// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/libbpf.h>

#include <memory>

#include "base/error.h"
#include "probe/object_info.h"

namespace kernel_exporter {

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using ObjectHandle = std::unique_ptr<bpf_object, CloseObject>;
using LinkHandle = std::unique_ptr<bpf_link, DestroyLink>;

// Parses an object without loading it. The image must outlive the handle. `kernel_types`: file of
// raw BTF to read for CO-RE relocations when the object is loaded; "" for the kernel's own.
[[nodiscard]] Result<ObjectHandle> open_object(std::string_view name,
                                               std::span<const std::byte> image,
                                               const std::string& kernel_types = "");

// inspect_object of an object that is open already.
ObjectInfo describe_object(const bpf_object* object, std::span<const std::byte> image);

// The object's .rodata, nullptr when it has none.
bpf_map* constants_map(const bpf_object* object);

struct Variable {
  std::string name;
  uint32_t offset = 0;
  uint32_t size = 0;
};

// The variables of a data section (".rodata"), by the object's BTF.
std::vector<Variable> variables_of(const bpf_object* object, std::string_view section);

}  // namespace kernel_exporter

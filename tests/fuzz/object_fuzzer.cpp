// SPDX-License-Identifier: Apache-2.0
// Any bytes as a BPF object of somebody else: looked into before anything is loaded.
#include "probe/core_relocation.h"
#include "probe/elf_file.h"
#include "probe/object.h"

namespace kernel_exporter {
namespace {

void check(const Error& error) {
  if (error.message.empty() || error.message.find('\n') != std::string::npos) abort();
}

void run(std::span<const std::byte> image) {
  const auto file = ElfFile::parse(image);
  if (file) {
    (void)file->programs();
    (void)file->maps_by_program();
    const auto relocations = core_relocations(file->section(".BTF.ext"));
    if (!relocations) check(relocations.error());
  } else {
    check(file.error());
  }
  const auto object = inspect_object("fuzz", image);
  if (!object) return check(object.error());
  for (const MapInfo& map : object->maps) (void)map.bytes(4);
}

}  // namespace
}  // namespace kernel_exporter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kernel_exporter::run(std::as_bytes(std::span(data, size)));
  return 0;
}

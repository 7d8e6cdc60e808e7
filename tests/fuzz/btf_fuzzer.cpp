// SPDX-License-Identifier: Apache-2.0
// Any bytes as the .BTF section of a BPF object that is otherwise sound.
#include <elf.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <vector>

#include "probe/object.h"

namespace kernel_exporter {
namespace {

std::vector<char> read_object() {
  std::ifstream file(FUZZ_OBJECT, std::ios::binary);
  std::vector<char> object{std::istreambuf_iterator<char>(file), {}};
  if (!inspect_object("fuzz", std::as_bytes(std::span(object)))) abort();
  return object;
}

Elf64_Shdr section_header(const std::vector<char>& object, size_t place) {
  Elf64_Shdr header;
  std::memcpy(&header, object.data() + place, sizeof header);
  return header;
}

// Where the header of .BTF stands.
size_t place_of_btf(const std::vector<char>& object) {
  Elf64_Ehdr file;
  if (object.size() < sizeof file) abort();
  std::memcpy(&file, object.data(), sizeof file);
  const auto place_of = [&](size_t i) { return file.e_shoff + i * sizeof(Elf64_Shdr); };
  const Elf64_Shdr names = section_header(object, place_of(file.e_shstrndx));
  for (size_t i = 0; i < file.e_shnum; ++i) {
    const Elf64_Shdr header = section_header(object, place_of(i));
    if (std::strcmp(object.data() + names.sh_offset + header.sh_name, ".BTF") == 0) {
      return place_of(i);
    }
  }
  abort();
}

// The new section stands behind everything else.
void run(std::string_view types) {
  static const std::vector<char> sound = read_object();
  static const size_t place = place_of_btf(sound);
  std::vector<char> object = sound;
  object.resize((object.size() + 7) / 8 * 8);
  Elf64_Shdr header = section_header(sound, place);
  header.sh_offset = object.size();
  header.sh_size = types.size();
  std::memcpy(object.data() + place, &header, sizeof header);
  object.insert(object.end(), types.begin(), types.end());
  const auto info = inspect_object("fuzz", std::as_bytes(std::span(object)));
  if (!info && info.error().message.find('\n') != std::string::npos) abort();
}

}  // namespace
}  // namespace kernel_exporter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kernel_exporter::run({reinterpret_cast<const char*>(data), size});
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "commands/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <string_view>

namespace kernel_exporter {
namespace {

constexpr int kKiB = 1024;
constexpr int kMiB = 1024 * kKiB;

// Code and constants of one library. Nobody has written to them, so what is needed again is read
// again, from the page cache.
int return_code(dl_phdr_info* library, size_t, void*) {
  // The kernel provides this one; it is not a file.
  if (std::string_view(library->dlpi_name).starts_with("linux-vdso")) return 0;
  const auto page = static_cast<ElfW(Addr)>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = library->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const ElfW(Addr) begin = (library->dlpi_addr + segment.p_vaddr) / page * page;
    const ElfW(Addr) end = library->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    ::madvise(std::bit_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

// One heap for all threads: each further one would keep what the scrapes of its thread once needed.
// Large blocks, such as the kernel's types, get memory of their own, which ends with them; left
// alone, malloc would raise that limit as soon as the first of them is freed.
void tune_memory_for_loading() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 128 * kKiB);
}

// A scrape's buffers stay in the heap, for pages that are given back have to be cleared again.
void tune_memory_for_serving() {
  return_freed_memory();
  mallopt(M_MMAP_THRESHOLD, 4 * kMiB);
  mallopt(M_TRIM_THRESHOLD, 4 * kMiB);
  mallopt(M_TOP_PAD, kMiB);
  dl_iterate_phdr(return_code, nullptr);
}

void return_freed_memory() { malloc_trim(0); }

}  // namespace kernel_exporter

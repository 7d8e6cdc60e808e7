// SPDX-License-Identifier: Apache-2.0
#include <asm/unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "labels/steps.h"

namespace kernel_exporter {
namespace {

struct Syscall {
  int64_t number;
  std::string_view name;
};

constexpr auto sorted_syscalls() {
  std::array syscalls = std::to_array<Syscall>({
#include "syscall_names.inc"
  });
  std::sort(syscalls.begin(), syscalls.end(),
            [](const Syscall& a, const Syscall& b) { return a.number < b.number; });
  return syscalls;
}
constexpr auto kSyscalls = sorted_syscalls();

}  // namespace

MadeDecoder make_syscall(const Arguments&, const DecoderContext&) {
  return make_step([](Value& value, std::span<const std::byte>) {
    const std::optional<int64_t> number = integer_of(value);
    if (!number) return;
    const auto found = std::lower_bound(
        kSyscalls.begin(), kSyscalls.end(), *number,
        [](const Syscall& syscall, int64_t wanted) { return syscall.number < wanted; });
    if (found != kSyscalls.end() && found->number == *number) {
      set_text(value, std::string(found->name));
    }
  });
}

}  // namespace kernel_exporter

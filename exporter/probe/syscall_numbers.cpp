// SPDX-License-Identifier: Apache-2.0
#include "probe/syscall_numbers.h"

#include <sys/syscall.h>

#include <cstring>

#include "bpf/syscalls.h"

// Newer architectures have only the general form of a call.
#ifdef SYS_open
#define KERNEL_EXPORTER_OLD_CALLS SYS_open, SYS_creat, SYS_mkdir, SYS_link, SYS_symlink, SYS_rename
#else
#define KERNEL_EXPORTER_OLD_CALLS -1, -1, -1, -1, -1, -1
#endif

namespace kernel_exporter {
namespace {

template <typename T>
std::vector<std::byte> bytes_of(const T& object) {
  std::vector<std::byte> bytes(sizeof object);
  std::memcpy(bytes.data(), &object, sizeof object);
  return bytes;
}

constexpr otasync_syscalls kSyncs = {SYS_fsync, SYS_fdatasync, SYS_syncfs, SYS_sync_file_range,
                                     SYS_sync};
constexpr otafail_syscalls kWrites = {
    {SYS_write, SYS_pwrite64, SYS_writev, SYS_pwritev, SYS_pwritev2, SYS_fallocate,
     SYS_copy_file_range, SYS_sendfile, SYS_splice, SYS_fsync, SYS_fdatasync, SYS_syncfs,
     SYS_ftruncate, SYS_openat, SYS_mkdirat, SYS_linkat, SYS_symlinkat, SYS_renameat2,
     KERNEL_EXPORTER_OLD_CALLS}};
constexpr reboot_syscalls kReboot = {SYS_reboot};

}  // namespace

void set_syscall_numbers(ObjectSettings& settings) {
  settings.constants["otasync_syscalls"] = bytes_of(kSyncs);
  settings.constants["otafail_syscalls"] = bytes_of(kWrites);
  settings.constants["reboot_syscalls"] = bytes_of(kReboot);
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "privileges/system_call_table.h"

#include <linux/bpf.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

namespace kernel_exporter {
namespace {

// Arguments that the kernel takes as int: what stands above them means nothing.
constexpr uint64_t kInt = 0xffffffff;

constexpr AllowedCall kAllowed[] = {
    // Files: procfs, sysfs, cgroupfs, rules; the ledger, its folder and its replacement.
    {"open"},
    {"openat"},
    {"close"},
    {"read"},
    {"readv"},
    {"pread64"},
    {"write"},
    {"writev"},
    {"pwrite64"},
    {"lseek"},
    {"_llseek"},
    {"stat"},
    {"lstat"},
    {"fstat"},
    {"newfstatat"},
    {"fstatat64"},
    {"statx"},
    {"statfs"},
    {"statfs64"},
    {"fstatfs"},
    {"fstatfs64"},
    {"access"},
    {"faccessat"},
    {"faccessat2"},
    {"readlink"},
    {"readlinkat"},
    {"getdents64"},
    {"getcwd"},
    {"dup"},
    {"fcntl"},
    {"fcntl64"},
    {"fsync"},
    {"fdatasync"},
    {"ftruncate"},
    {"rename"},
    {"renameat"},
    {"renameat2"},
    {"unlink"},
    {"unlinkat"},
    {"mkdir"},
    {"mkdirat"},
    // Memory, none of it executable.
    {"brk"},
    {"mmap", 2, PROT_EXEC, 0},
    {"mmap2", 2, PROT_EXEC, 0},
    {"mprotect", 2, PROT_EXEC, 0},
    {"munmap"},
    {"mremap"},
    {"madvise"},
    // Threads of this process; a new process is no thread. clone3 hides its flags behind a pointer:
    // system_calls.cpp answers it so that the C library falls back to clone.
    {"clone", 0, CLONE_THREAD, CLONE_THREAD},
    {"exit"},
    {"exit_group"},
    {"futex"},
    {"futex_time64"},
    {"gettid"},
    {"getpid"},
    {"set_robust_list"},
    {"rseq"},
    {"sched_yield"},
    {"sched_getaffinity"},
    {"prctl", 0, kInt, PR_SET_NAME},
    // Time and signals; tgkill, which abort() needs, is allowed for this process only.
    {"clock_gettime"},
    {"clock_gettime64"},
    {"clock_nanosleep"},
    {"clock_nanosleep_time64"},
    {"gettimeofday"},
    {"nanosleep"},
    {"restart_syscall"},
    {"rt_sigaction"},
    {"rt_sigprocmask"},
    {"rt_sigreturn"},
    {"rt_sigtimedwait"},
    {"rt_sigtimedwait_time64"},
    {"sigaltstack"},
    // Who and where we are.
    {"capget"},
    {"getuid"},
    {"geteuid"},
    {"getgid"},
    {"getegid"},
    {"getppid"},
    {"getrandom"},
    {"getrusage"},
    {"uname"},
    {"sysinfo"},
    // Waiting for descriptors, and for the end of an engine's process.
    {"poll"},
    {"ppoll"},
    {"ppoll_time64"},
    {"select"},
    {"pselect6"},
    {"pselect6_time64"},
    {"epoll_create1"},
    {"epoll_ctl"},
    {"epoll_wait"},
    {"epoll_pwait"},
    {"eventfd2"},
    {"pidfd_open"},
    {"pipe2"},
    {"timerfd_create"},
    {"timerfd_settime"},
    {"pidfd_open"},  // the end of an engine's process
    {"inotify_init1"},
    {"inotify_add_watch"},
    {"inotify_rm_watch"},
    // Sockets: those that are open, new UNIX ones to the engines' daemons, to D-Bus and to the
    // service manager, and the routing table's. No new one that reaches beyond the machine.
    {"socket", 0, kInt, AF_UNIX},
    {"accept"},
    {"accept4"},
    {"bind"},
    {"connect"},
    {"getpeername"},
    {"getsockname"},
    {"getsockopt"},
    {"setsockopt"},
    {"recv"},
    {"recvfrom"},
    {"recvmsg"},
    {"send"},
    {"sendto"},
    {"sendmsg"},
    {"shutdown"},
    // bpf(): maps that are open, what is known of open programs, and, while an update is open,
    // attaching programs that were loaded at start; detaching is closing the link. Reloading rules
    // needs nothing more, since it never loads programs.
    {"bpf", 0, kInt, BPF_MAP_LOOKUP_ELEM},
    {"bpf", 0, kInt, BPF_MAP_LOOKUP_BATCH},
    {"bpf", 0, kInt, BPF_MAP_GET_NEXT_KEY},
    {"bpf", 0, kInt, BPF_MAP_UPDATE_ELEM},
    {"bpf", 0, kInt, BPF_MAP_DELETE_ELEM},
    {"bpf", 0, kInt, BPF_OBJ_GET_INFO_BY_FD},
    {"bpf", 0, kInt, BPF_LINK_CREATE},
    {"bpf", 0, kInt, BPF_RAW_TRACEPOINT_OPEN},
    {"bpf", 0, kInt, BPF_LINK_DETACH},
};

}  // namespace

std::span<const AllowedCall> allowed_calls() { return kAllowed; }

}  // namespace kernel_exporter

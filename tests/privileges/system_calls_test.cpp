// SPDX-License-Identifier: Apache-2.0
#include "privileges/system_calls.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <set>
#include <string>
#include <thread>

#include "child.h"

namespace kernel_exporter {
namespace {

struct Call {
  const char* name;
  long number;
  std::array<long, 6> arguments = {};
};

// 0 when the call succeeds, else its errno. Pointers are null and descriptors -1, so that a call
// that is let through does nothing.
int outcome_of(const Call& call) {
  const auto& a = call.arguments;
  errno = 0;
  return ::syscall(call.number, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? errno : 0;
}

int outcome_under_filter(const Call& call, const PrivilegeNeeds& needs = {}) {
  return in_child([&] {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!limit_system_calls(needs)) return 254;
    return outcome_of(call);
  });
}

// Every one of them gets past the permission check of a root shell and of this very test's control.
const Call kDenied[] = {
    {"execve", SYS_execve},
    {"execveat", SYS_execveat, {-1}},
    {"fork, as clone without CLONE_THREAD", SYS_clone, {CLONE_SIGHAND}},
    {"ptrace", SYS_ptrace, {PTRACE_PEEKDATA, -1}},
    {"process_vm_writev", SYS_process_vm_writev, {-1}},
    {"kill", SYS_kill, {getpid(), 0}},
    {"mmap of executable memory",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
    {"mprotect to executable", SYS_mprotect, {0, 0, PROT_EXEC}},
    {"personality", SYS_personality, {-1}},
    {"prctl other than PR_SET_NAME", SYS_prctl, {PR_GET_DUMPABLE}},
    {"socket AF_INET", SYS_socket, {AF_INET, SOCK_STREAM}},
    {"socket AF_INET6", SYS_socket, {AF_INET6, SOCK_DGRAM}},
    {"socket AF_NETLINK, not of routing",
     SYS_socket,
     {AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT}},
    {"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM}},
    {"listen", SYS_listen, {-1}},
    {"chmod", SYS_fchmod, {-1}},
    {"chown", SYS_fchown, {-1}},
    {"setuid", SYS_setresuid, {-1, -1, -1}},
    {"capset", SYS_capset},
    {"prlimit64 of our own, set", SYS_prlimit64, {0, 0, 8}},
    {"ioctl", SYS_ioctl, {-1}},
    {"setns", SYS_setns, {-1, CLONE_NEWNET}},
    {"unshare", SYS_unshare},
    {"mount", SYS_mount},
    {"umount2", SYS_umount2},
    {"pivot_root", SYS_pivot_root},
    {"chroot", SYS_chroot},
    {"bpf BPF_PROG_LOAD", SYS_bpf, {BPF_PROG_LOAD}},
    {"bpf BPF_MAP_CREATE", SYS_bpf, {BPF_MAP_CREATE}},
    {"bpf BPF_OBJ_PIN", SYS_bpf, {BPF_OBJ_PIN}},
    {"bpf BPF_OBJ_GET", SYS_bpf, {BPF_OBJ_GET}},
    {"bpf BPF_BTF_LOAD", SYS_bpf, {BPF_BTF_LOAD}},
    {"bpf BPF_PROG_GET_FD_BY_ID", SYS_bpf, {BPF_PROG_GET_FD_BY_ID}},
    {"bpf BPF_MAP_GET_FD_BY_ID", SYS_bpf, {BPF_MAP_GET_FD_BY_ID}},
    {"bpf BPF_PROG_ATTACH", SYS_bpf, {BPF_PROG_ATTACH}},
};

const Call kAllowedProbes[] = {
    {"read", SYS_read, {-1}},
    {"fdatasync", SYS_fdatasync, {-1}},
    {"socket AF_UNIX", SYS_socket, {AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC}},
    {"socket AF_NETLINK of routing", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}},
    {"sendmsg", SYS_sendmsg, {-1}},
    {"mmap", SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
    {"prlimit64 of our own, asked", SYS_prlimit64},
    {"bpf BPF_MAP_LOOKUP_ELEM", SYS_bpf, {BPF_MAP_LOOKUP_ELEM}},
    {"bpf BPF_MAP_LOOKUP_BATCH", SYS_bpf, {BPF_MAP_LOOKUP_BATCH}},
    {"bpf BPF_MAP_UPDATE_ELEM", SYS_bpf, {BPF_MAP_UPDATE_ELEM}},
    {"bpf BPF_LINK_CREATE", SYS_bpf, {BPF_LINK_CREATE}},
    {"bpf BPF_RAW_TRACEPOINT_OPEN", SYS_bpf, {BPF_RAW_TRACEPOINT_OPEN}},
};

TEST(SystemCalls, DeniesWhatTheExporterNeverDoes) {
  for (const Call& call : kDenied) {
    EXPECT_EQ(outcome_under_filter(call), EPERM) << call.name;
  }
}

// With bits that the kernel ignores: it takes the command of bpf() and the family as int.
TEST(SystemCalls, LooksAtTheSameBitsAsTheKernel) {
  constexpr long kAbove = 1L << 32;
  EXPECT_EQ(outcome_under_filter({"", SYS_bpf, {kAbove | BPF_PROG_LOAD}}), EPERM);
  EXPECT_EQ(outcome_under_filter({"", SYS_socket, {kAbove | AF_INET, SOCK_STREAM}}), EPERM);
  EXPECT_EQ(outcome_under_filter({"", SYS_socket, {kAbove | AF_UNIX, SOCK_STREAM}}), 0);
}

// The control of the above: without the filter the kernel answers otherwise.
TEST(SystemCalls, DeniesNothingBeforeTheFilter) {
  const std::set<std::string> refused_to_ordinary_users = {"mount",
                                                           "umount2",
                                                           "pivot_root",
                                                           "chroot",
                                                           "setns",
                                                           "bpf BPF_PROG_LOAD",
                                                           "bpf BPF_MAP_CREATE",
                                                           "bpf BPF_BTF_LOAD",
                                                           "bpf BPF_PROG_GET_FD_BY_ID",
                                                           "bpf BPF_MAP_GET_FD_BY_ID",
                                                           "bpf BPF_PROG_ATTACH"};
  for (const Call& call : kDenied) {
    if (::geteuid() != 0 && refused_to_ordinary_users.contains(call.name)) continue;
    EXPECT_NE(in_child([&] { return outcome_of(call); }), EPERM) << call.name;
  }
}

TEST(SystemCalls, LetsThroughWhatTheExporterDoes) {
  for (const Call& call : kAllowedProbes) {
    EXPECT_EQ(outcome_under_filter(call), in_child([&] { return outcome_of(call); })) << call.name;
  }
}

TEST(SystemCalls, OpensPerfEventsOnlyWhereNeeded) {
  const Call open = {"", SYS_perf_event_open};
  const Call attach = {"", SYS_ioctl, {-1, PERF_EVENT_IOC_SET_BPF}};
  const Call other = {"", SYS_ioctl, {-1, PERF_EVENT_IOC_RESET}};
  const PrivilegeNeeds needs = {.perf_events = true};
  EXPECT_EQ(outcome_under_filter(open), EPERM);
  EXPECT_EQ(outcome_under_filter(attach), EPERM);
  EXPECT_EQ(outcome_under_filter(open, needs), EFAULT);
  EXPECT_EQ(outcome_under_filter(attach, needs), EBADF);
  EXPECT_EQ(outcome_under_filter(other, needs), EPERM);
}

TEST(SystemCalls, HoldsThreadsThatRanBeforeAndThatStartLater) {
  const auto denied = [] { return outcome_of({"", SYS_unshare}) == EPERM; };
  const int outcome = in_child([&] {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    std::atomic<bool> limited = false;
    bool earlier = false;
    std::thread thread([&] {
      limited.wait(false);
      earlier = denied();
    });
    const bool loaded = limit_system_calls({}).has_value();
    limited = true;
    limited.notify_one();
    thread.join();
    bool later = false;
    std::thread([&] { later = denied(); }).join();
    return loaded && earlier && later ? 0 : 1;
  });
  EXPECT_EQ(outcome, 0);
}

TEST(SystemCalls, AbortStillEndsTheProcess) {
  EXPECT_EQ(in_child([] {
              ::signal(SIGABRT, [](int) { ::_exit(7); });
              ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
              if (!limit_system_calls({})) return 1;
              ::raise(SIGABRT);
              return 2;
            }),
            7);
}

}  // namespace
}  // namespace kernel_exporter

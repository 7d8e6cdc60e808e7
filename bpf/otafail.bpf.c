// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * What befalls the processes of an update: killed, or told that there is no space. Attached only
 * while an update is open.
 */
#include "lib/types.bpf.h"
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/compat.bpf.h"
#include "lib/lost.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/needs.bpf.h"
#include "lib/ota.bpf.h"
#include "lib/owner.bpf.h"
#include "lib/process.bpf.h"
#include "lib/syscall.bpf.h"
#include "otafail.h"

/* Between two details of the same lack of space; all are counted. */
#define NO_SPACE_INTERVAL_NS 100000000ULL

/* Signals by number, which x86 and arm64 share. */
enum {
	SIGQUIT = 3,
	SIGILL = 4,
	SIGTRAP = 5,
	SIGABRT = 6,
	SIGBUS = 7,
	SIGFPE = 8,
	SIGKILL = 9,
	SIGSEGV = 11,
	SIGPIPE = 13,
	SIGALRM = 14,
	SIGXCPU = 24,
	SIGXFSZ = 25,
	SIGSYS = 31,
};

#define SIGNAL_BIT(number) (1ULL << (number))

/* Whoever sends them, a process that these end has failed. */
#define FAULTS                                                                                     \
	(SIGNAL_BIT(SIGQUIT) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGABRT) |    \
	 SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGXCPU) |     \
	 SIGNAL_BIT(SIGXFSZ) | SIGNAL_BIT(SIGSYS))

/* How helpers are meant to end: a pipe nobody reads, a time limit of their own. */
#define ROUTINE (SIGNAL_BIT(SIGPIPE) | SIGNAL_BIT(SIGALRM))

struct otafail_key {
	enum otafail_kind kind;
};

/* The latest signal of a number that a process got. */
struct otafail_signal_key {
	u32 pid;
	u32 signal; /* 0: chosen as a victim for want of memory */
};

struct otafail_signal {
	u64 sender_transaction;
	u32 sender;
	u32 reported;
	char sender_comm[16];
};

struct otafail_place {
	u64 transaction;
	u32 device;
	u32 reserved;
};

enum otafail_lost_reason {
	OTAFAIL_LOST_MAP_FULL,
	OTAFAIL_LOST_RING_FULL,
};

const volatile struct otafail_syscalls otafail_syscalls = {{-1, -1, -1, -1, -1, -1, -1, -1,
							    -1, -1, -1, -1, -1, -1, -1, -1,
							    -1, -1, -1, -1, -1, -1, -1, -1}};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 8);
	__type(key, struct otafail_key);
	__type(value, u64);
} otafail SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, struct otafail_signal_key);
	__type(value, struct otafail_signal);
} otafail_signal SEC(".maps");

/* When a lack of space was last reported. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, struct otafail_place);
	__type(value, u64);
} otafail_place SEC(".maps");

/* Of a size that is a multiple of any kernel's page. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} otafail_events SEC(".maps");

LOST_MAP(otafail, OTAFAIL_LOST_RING_FULL);

static const u64 nothing;

static __always_inline void count(enum otafail_kind kind)
{
	struct otafail_key key = {.kind = kind};
	u64 *total = lookup_or_insert(&otafail, &key, &nothing);

	if (total)
		*total += 1;
	else
		count_lost(&otafail_lost, OTAFAIL_LOST_MAP_FULL);
}

static __always_inline void report(struct otafail_event *event)
{
	event->at_ns = bpf_ktime_get_boot_ns();
	if (bpf_ringbuf_output(&otafail_events, event, sizeof(*event), 0))
		count_lost(&otafail_lost, OTAFAIL_LOST_RING_FULL);
}

static __always_inline void keep_signal(u32 pid, u32 number, const struct otafail_signal *signal)
{
	struct otafail_signal_key key = {.pid = pid, .signal = number};

	if (bpf_map_update_elem(&otafail_signal, &key, signal, BPF_ANY))
		count_lost(&otafail_lost, OTAFAIL_LOST_MAP_FULL);
}

static __always_inline void take_signal(u32 pid, u32 number, struct otafail_signal *signal)
{
	struct otafail_signal_key key = {.pid = pid, .signal = number};
	const struct otafail_signal *kept = bpf_map_lookup_elem(&otafail_signal, &key);

	if (!kept)
		return;
	*signal = *kept;
	bpf_map_delete_elem(&otafail_signal, &key);
}

/* Runs in the sender, or in what was interrupted when the kernel itself sends. */
SEC("?tp_btf/signal_generate")
int BPF_PROG(otafail_signal_generate, int number, void *info, struct task_struct *task)
{
	struct task_struct *sender = (void *)bpf_get_current_task();
	struct otafail_signal signal = {};

	if (!task_transaction(task))
		return 0;
	signal.sender_transaction = task_transaction(sender);
	signal.sender = BPF_CORE_READ(sender, tgid);
	process_name(signal.sender_comm, sender);
	keep_signal(task->tgid, number, &signal);
	return 0;
}

static __always_inline void report_oom(u64 transaction, u32 pid, struct task_struct *task)
{
	struct otafail_event event = {
		.transaction = transaction,
		.kind = OTAFAIL_OOM_KILLED,
		.pid = pid,
		.signal = SIGKILL,
	};

	process_name(event.comm, task);
	count(OTAFAIL_OOM_KILLED);
	report(&event);
}

/* 6.8, 72ba14deb40a ("mm: add UID and more to mark_victim"): the task, not only its number. */
SEC("?tp_btf/mark_victim")
int BPF_PROG(otafail_victim__task, struct task_struct *task)
{
	struct otafail_signal mark = {.reported = 1};
	u64 transaction = task_transaction(task);
	u32 pid = task->tgid;

	if (!transaction)
		return 0;
	keep_signal(pid, 0, &mark);
	report_oom(transaction, pid, task);
	return 0;
}
NEEDS(otafail_victim__task, "args mark_victim 2");

/* Reported when it has died of it. */
SEC("?tp_btf/mark_victim")
int BPF_PROG(otafail_victim__pid, int pid)
{
	struct otafail_signal mark = {};

	keep_signal(pid, 0, &mark);
	return 0;
}

static __always_inline bool is_failure(u32 number, const struct otafail_signal *signal,
				       u64 transaction)
{
	if (FAULTS >> number & 1)
		return true;
	if (ROUTINE >> number & 1)
		return false;
	/* What an update does to its own helpers is its own business. */
	return signal->sender_transaction != transaction;
}

/* The process as a whole ends with its last thread. */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(otafail_exit, struct task_struct *task)
{
	struct otafail_signal signal = {}, oom = {.reported = 2};
	struct otafail_event event = {.kind = OTAFAIL_SIGNAL_KILLED};
	u32 code;

	if (task->signal->live.counter)
		return 0;
	code = task->signal->group_exit_code;
	if (!code)
		code = task->exit_code;
	event.signal = code & 0x7f;
	if (!event.signal)
		return 0;
	event.transaction = task_transaction(task);
	if (!event.transaction)
		return 0;
	event.pid = task->tgid;
	take_signal(event.pid, event.signal, &signal);
	if (event.signal == SIGKILL)
		take_signal(event.pid, 0, &oom);
	if (oom.reported == 0)
		report_oom(event.transaction, event.pid, task);
	if (oom.reported != 2 || !is_failure(event.signal, &signal, event.transaction))
		return 0;
	event.sender = signal.sender;
	__builtin_memcpy(event.sender_comm, signal.sender_comm, sizeof(event.sender_comm));
	process_name(event.comm, task);
	count(OTAFAIL_SIGNAL_KILLED);
	report(&event);
	return 0;
}

static __always_inline bool is_write_call(s32 number)
{
	u32 index;

	for (index = 0; index < OTAFAIL_SYSCALLS; index++)
		if (otafail_syscalls.numbers[index] == number)
			return true;
	return false;
}

static __always_inline u32 device_of_descriptor(u64 descriptor)
{
	struct inode *inode = inode_of_descriptor(descriptor);

	if (!inode)
		return 0;
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFBLK)
		return BPF_CORE_READ(inode, i_rdev);
	return BPF_CORE_READ(inode, i_sb, s_dev);
}

static __always_inline bool is_fresh(const struct otafail_event *event)
{
	struct otafail_place place = {.transaction = event->transaction, .device = event->device};
	u64 now = bpf_ktime_get_ns(), *last = bpf_map_lookup_elem(&otafail_place, &place);

	if (last && now - *last < NO_SPACE_INTERVAL_NS)
		return false;
	bpf_map_update_elem(&otafail_place, &place, &now, BPF_ANY);
	return true;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(otafail_sys_exit, struct pt_regs *regs, long result)
{
	struct otafail_event event = {.kind = OTAFAIL_NO_SPACE};
	struct task_struct *task;

	if (result != -ENOSPC || !is_write_call(syscall_number(regs)) || is_compat_syscall())
		return 0;
	task = (void *)bpf_get_current_task();
	event.transaction = task_transaction(task);
	if (!event.transaction)
		return 0;
	count(OTAFAIL_NO_SPACE);
	event.pid = bpf_get_current_pid_tgid() >> 32;
	event.device = device_of_descriptor(syscall_first(regs));
	process_name(event.comm, task);
	if (is_fresh(&event))
		report(&event);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

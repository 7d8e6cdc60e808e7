// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * What happens to the processes of an update: here those that are killed, in no_space.bpf.c those
 * that find no space. Attached only while an update is open.
 */
#include "lib/types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/lost.bpf.h"
#include "lib/oom.bpf.h"
#include "lib/ota.bpf.h"
#include "lib/process.bpf.h"
#include "otafail/failure.bpf.h"

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

/* The latest signal of a number that a process got. */
struct otafail_signal_key {
	u32 pid;
	u32 signal;
};

struct otafail_signal {
	u64 sender_transaction;
	u32 sender;
	u32 reserved;
	char sender_comm[16];
};

struct otafail_map otafail SEC(".maps");
struct otafail_events_map otafail_events SEC(".maps");
struct otafail_lost_map otafail_lost SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, struct otafail_signal_key);
	__type(value, struct otafail_signal);
} otafail_signal SEC(".maps");

OOM_VICTIMS_MAP(otafail);

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

static __always_inline void choose_victim(struct task_struct *task)
{
	u64 transaction = task_transaction(task);
	u32 pid = task->tgid;

	if (!transaction)
		return;
	if (!leave_oom_mark(&otafail_victims, pid, OOM_REPORTED))
		count_lost(&otafail_lost, OTAFAIL_LOST_MAP_FULL);
	report_oom(transaction, pid, task);
}

OOM_VICTIM_PROGRAMS(otafail, "?tp_btf/mark_victim", choose_victim, OTAFAIL_LOST_MAP_FULL);

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

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(otafail_exit, struct task_struct *task)
{
	struct otafail_event event = {.kind = OTAFAIL_SIGNAL_KILLED};
	enum oom_mark oom = OOM_NO_VICTIM;
	struct otafail_signal signal = {};

	if (!is_last_thread(task))
		return 0;
	event.signal = fatal_signal(task);
	if (!event.signal)
		return 0;
	event.transaction = task_transaction(task);
	if (!event.transaction)
		return 0;
	event.pid = task->tgid;
	take_signal(event.pid, event.signal, &signal);
	if (event.signal == SIGKILL)
		oom = take_oom_mark(&otafail_victims, event.pid);
	if (oom == OOM_CHOSEN)
		report_oom(event.transaction, event.pid, task);
	if (oom != OOM_NO_VICTIM || !is_failure(event.signal, &signal, event.transaction))
		return 0;
	event.sender = signal.sender;
	__builtin_memcpy(event.sender_comm, signal.sender_comm, sizeof(event.sender_comm));
	process_name(event.comm, task);
	count(OTAFAIL_SIGNAL_KILLED);
	report(&event);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

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
	SIGINT = 2,
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
	SIGTERM = 15,
	SIGXCPU = 24,
	SIGXFSZ = 25,
	SIGSYS = 31,
};

/* include/trace/events/signal.h */
#define TRACE_SIGNAL_IGNORED 1

#define SIGNAL_BIT(number) (1ULL << (number))

/* Whoever sends them, a process that these end has failed. */
#define FAULTS                                                                                     \
	(SIGNAL_BIT(SIGQUIT) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGABRT) |    \
	 SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGXCPU) |     \
	 SIGNAL_BIT(SIGXFSZ) | SIGNAL_BIT(SIGSYS))

/* How helpers are meant to end: a pipe nobody reads, a time limit of their own. */
#define ROUTINE (SIGNAL_BIT(SIGPIPE) | SIGNAL_BIT(SIGALRM))

/* How a process is asked to end, which it may do in its own way. */
#define REQUESTS (SIGNAL_BIT(SIGINT) | SIGNAL_BIT(SIGTERM))

/* The latest signal of a number that a process got. */
struct otafail_signal_key {
	u32 pid;
	u32 signal;
};

struct otafail_signal {
	u64 sender_transaction;
	u64 at_ns; /* CLOCK_BOOTTIME: a process that began later only has the same number */
	u32 sender;
	u32 reported;
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

/* CLOCK_BOOTTIME of a process that was started from outside of its update and returned 0. */
struct otafail_success {
	u64 began_ns;
	u64 ended_ns;
};

/* By transaction: of several the one that began first, unless a later one followed it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, struct otafail_success);
} otafail_success SEC(".maps");

static __always_inline void keep_signal(u32 pid, u32 number, const struct otafail_signal *signal)
{
	struct otafail_signal_key key = {.pid = pid, .signal = number};

	if (bpf_map_update_elem(&otafail_signal, &key, signal, BPF_ANY))
		count_lost(&otafail_lost, OTAFAIL_LOST_MAP_FULL);
}

static __always_inline void take_signal(u32 pid, u32 number, u64 start_ns,
					struct otafail_signal *signal)
{
	struct otafail_signal_key key = {.pid = pid, .signal = number};
	const struct otafail_signal *kept = bpf_map_lookup_elem(&otafail_signal, &key);

	if (!kept)
		return;
	if (kept->at_ns >= start_ns)
		*signal = *kept;
	bpf_map_delete_elem(&otafail_signal, &key);
}

static __always_inline bool is_helper(u64 start_ns, const struct otafail_success *success)
{
	return start_ns >= success->began_ns && start_ns <= success->ended_ns;
}

/* What is left of an update when its main process has ended well is stopped by its service manager.
 */
static __always_inline bool is_left_over(u64 transaction, struct task_struct *task)
{
	const struct otafail_success *success = bpf_map_lookup_elem(&otafail_success, &transaction);

	return success && is_helper(process_start(task), success);
}

static __always_inline bool is_failure(u32 number, const struct otafail_signal *signal,
				       u64 transaction, struct task_struct *task)
{
	if (FAULTS >> number & 1)
		return true;
	if (ROUTINE >> number & 1)
		return false;
	/* What an update does to its own helpers is its own business. */
	return signal->sender_transaction != transaction && !is_left_over(transaction, task);
}

static __always_inline void report_signal(u64 transaction, u32 number, bool caught,
					  const struct otafail_signal *signal,
					  struct task_struct *task)
{
	struct otafail_event event = {
		.transaction = transaction,
		.kind = OTAFAIL_SIGNAL_KILLED,
		.pid = BPF_CORE_READ(task, tgid),
		.signal = number,
		.sender = signal->sender,
		.caught = caught,
	};

	__builtin_memcpy(event.sender_comm, signal->sender_comm, sizeof(event.sender_comm));
	process_name(event.comm, task);
	count(OTAFAIL_SIGNAL_KILLED);
	report(&event);
}

/* By a handler, or by a descriptor for which it is blocked. */
static __always_inline bool handles(struct task_struct *task, u32 number)
{
	/* sigwait(2) has them in the second meanwhile. */
	u64 blocked = BPF_CORE_READ(task, group_leader, blocked.sig[0]) |
		      BPF_CORE_READ(task, group_leader, real_blocked.sig[0]);

	if (blocked >> (number - 1) & 1)
		return true;
	if (number == SIGINT)
		return BPF_CORE_READ(task, sighand, action[SIGINT - 1].sa.sa_handler);
	return BPF_CORE_READ(task, sighand, action[SIGTERM - 1].sa.sa_handler);
}

static __always_inline bool was_reported(u32 pid, u32 number, u64 start_ns)
{
	struct otafail_signal_key key = {.pid = pid, .signal = number};
	const struct otafail_signal *kept = bpf_map_lookup_elem(&otafail_signal, &key);

	return kept && kept->reported && kept->at_ns >= start_ns;
}

/* Runs in the sender, or in what was interrupted when the kernel itself sends. */
SEC("?tp_btf/signal_generate")
int BPF_PROG(otafail_signal_generate, int number, void *info, struct task_struct *task, int group,
	     int result)
{
	struct task_struct *sender = (void *)bpf_get_current_task();
	struct otafail_signal signal = {};
	u64 transaction;
	u32 pid;

	if (result == TRACE_SIGNAL_IGNORED)
		return 0;
	transaction = task_transaction(task);
	if (!transaction)
		return 0;
	pid = task->tgid;
	if (was_reported(pid, number, process_start(task)))
		return 0;
	signal.sender_transaction = task_transaction(sender);
	signal.at_ns = bpf_ktime_get_boot_ns();
	signal.sender = BPF_CORE_READ(sender, tgid);
	process_name(signal.sender_comm, sender);
	signal.reported = number < 64 && REQUESTS >> number & 1 && handles(task, number) &&
			  is_failure(number, &signal, transaction, task);
	if (signal.reported)
		report_signal(transaction, number, true, &signal, task);
	keep_signal(pid, number, &signal);
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

/* A process of the update, started by one that does not belong to it, has exited with 0. */
static __always_inline void note_success(u64 transaction, struct task_struct *task)
{
	struct otafail_event event = {.transaction = transaction, .kind = OTAFAIL_SUCCESS};
	struct otafail_success success = {
		.began_ns = process_start(task),
		.ended_ns = bpf_ktime_get_boot_ns(),
	};
	const struct otafail_success *known;

	if (task_transaction(BPF_CORE_READ(task, group_leader, real_parent)) == transaction)
		return;
	known = bpf_map_lookup_elem(&otafail_success, &transaction);
	if (!known || !is_helper(success.began_ns, known))
		if (bpf_map_update_elem(&otafail_success, &transaction, &success, BPF_ANY))
			count_lost(&otafail_lost, OTAFAIL_LOST_MAP_FULL);
	report(&event);
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(otafail_exit, struct task_struct *task)
{
	enum oom_mark oom = OOM_NO_VICTIM;
	struct otafail_signal signal = {};
	u64 transaction, start_ns;
	u32 number, pid;

	if (!is_last_thread(task))
		return 0;
	transaction = task_transaction(task);
	if (!transaction)
		return 0;
	number = fatal_signal(task);
	if (!number) {
		if (!exit_code(task))
			note_success(transaction, task);
		return 0;
	}
	pid = task->tgid;
	start_ns = process_start(task);
	take_signal(pid, number, start_ns, &signal);
	if (number == SIGKILL)
		oom = take_oom_mark(&otafail_victims, pid, start_ns);
	if (oom == OOM_CHOSEN)
		report_oom(transaction, pid, task);
	if (oom == OOM_NO_VICTIM && !signal.reported &&
	    is_failure(number, &signal, transaction, task))
		report_signal(transaction, number, false, &signal, task);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

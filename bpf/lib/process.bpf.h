/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* What a task's process is called, whatever the thread calls itself, and how it ends. */
#pragma once

#include "types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define PROCESS_NAME_SIZE 16 /* TASK_COMM_LEN, include/linux/sched.h */

/* The first thread's name. It stays readable until the process is reaped, also once that thread has
 * ended. */
static __always_inline void process_name(char *name, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	bpf_core_read(name, PROCESS_NAME_SIZE, &leader->comm);
}

/* CLOCK_BOOTTIME. */
static __always_inline u64 process_start(struct task_struct *task)
{
	return BPF_CORE_READ(task, group_leader, start_boottime);
}

/* At sched_process_exit: whether the process as a whole ends with this thread. */
static __always_inline bool is_last_thread(struct task_struct *task)
{
	return !task->signal->live.counter;
}

/* At sched_process_exit: as wait(2) tells it. */
static __always_inline u32 exit_code(struct task_struct *task)
{
	u32 code = task->signal->group_exit_code;

	if (!code)
		code = task->exit_code;
	return code;
}

/* At sched_process_exit: the signal that ended the process; 0 for none. */
static __always_inline u32 fatal_signal(struct task_struct *task)
{
	return exit_code(task) & 0x7f;
}

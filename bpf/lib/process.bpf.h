/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* What a task's process is called, whatever the thread calls itself. */
#pragma once

#include <bpf/bpf_core_read.h>

#define PROCESS_NAME_SIZE 16 /* TASK_COMM_LEN, include/linux/sched.h */

/* The first thread's name. It stays readable until the process is reaped, also once that thread has
 * ended. */
static __always_inline void process_name(char *name, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	bpf_core_read(name, PROCESS_NAME_SIZE, &leader->comm);
}

// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Processes of an update that are told that there is no space. */
#include "../lib/types.bpf.h"
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "../lib/ota.bpf.h"
#include "../lib/process.bpf.h"
#include "../lib/syscall.bpf.h"
#include "failure.bpf.h"

/* Between two details of the same lack of space; all are counted. */
#define NO_SPACE_INTERVAL_NS 100000000ULL

const volatile struct otafail_syscalls otafail_syscalls = {{-1, -1, -1, -1, -1, -1, -1, -1,
							    -1, -1, -1, -1, -1, -1, -1, -1,
							    -1, -1, -1, -1, -1, -1, -1, -1}};

struct otafail_place {
	u64 transaction;
	u32 device;
	u32 reserved;
};

/* When a lack of space was last reported. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, struct otafail_place);
	__type(value, u64);
} otafail_place SEC(".maps");

static __always_inline bool is_write_call(s32 number)
{
	u32 index;

	for (index = 0; index < OTAFAIL_SYSCALLS; index++)
		if (otafail_syscalls.numbers[index] == number)
			return true;
	return false;
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

// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * How long updates wait for what they wrote to be safe: here in system calls, in flush.bpf.c for
 * flushes. Attached only while an update is open.
 */
#include "lib/types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/histogram.bpf.h"
#include "lib/lost.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/ota.bpf.h"
#include "lib/syscall.bpf.h"
#include "otasync/wait.bpf.h"

struct otasync_call {
	u64 start;
	struct otasync_key key;
};

const volatile struct otasync_syscalls otasync_syscalls = {-1, -1, -1, -1, -1};

const volatile struct histogram_buckets otasync_latency_buckets = {
	.kind = HISTOGRAM_ZONES,
	.count = 5,
	.bounds = {1000000ULL, 10000000ULL, 100000000ULL, 1000000000ULL, 10000000000ULL},
};

struct otasync_latency_map otasync_latency SEC(".maps");
struct otasync_lost_map otasync_lost SEC(".maps");

/* Calls under way, by thread; a thread may vanish in one. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, u64);
	__type(value, struct otasync_call);
} otasync_call SEC(".maps");

static __always_inline enum otasync_operation operation_of_call(s64 number)
{
	if (number == otasync_syscalls.fsync)
		return OTASYNC_FSYNC;
	if (number == otasync_syscalls.fdatasync)
		return OTASYNC_FDATASYNC;
	if (number == otasync_syscalls.syncfs)
		return OTASYNC_SYNCFS;
	if (number == otasync_syscalls.sync_file_range)
		return OTASYNC_SYNC_FILE_RANGE;
	if (number == otasync_syscalls.sync)
		return OTASYNC_SYNC;
	return OTASYNC_NONE;
}

/* By its own entry where it is bound, else by that of the disk it lies on. */
static __always_inline enum otasync_role role_of_device(const struct ota_filter *filter, u32 number)
{
	const struct ota_device *device = number ? find_device(filter, number) : NULL;
	enum otasync_role role = OTASYNC_ROLE_OTHER;
	u32 index, disk;

	if (!device)
		return role;
	disk = device->disk;
	if (disk != number)
		device = find_device(filter, disk);
	if (!device)
		return role;
	for (index = 0; index < OTA_RANGES && index < device->ranges; index++) {
		const struct ota_range *range = &device->range[index];
		u32 bound_number = OTA_DEVICE(range->major, range->minor);

		if (bound_number == number)
			return range->role;
		if (bound_number == disk || (disk == number && !index))
			role = range->role;
	}
	return role;
}

/* Calls of the update's tasks, whatever they wait for, and anybody's on its devices. */
SEC("?tp_btf/sys_enter")
int BPF_PROG(otasync_enter, struct pt_regs *regs, long number)
{
	enum otasync_operation operation = operation_of_call(number);
	struct otasync_call call = {.key = {OTASYNC_ROLE_OTHER, operation}};
	const struct ota_filter *filter;
	u64 thread;

	if (operation == OTASYNC_NONE || is_compat_syscall())
		return 0;
	filter = find_filter();
	if (!filter)
		return 0;
	if (operation != OTASYNC_SYNC)
		call.key.role = role_of_device(filter, device_of_descriptor(syscall_first(regs)));
	if (call.key.role == OTASYNC_ROLE_OTHER &&
	    !task_transaction((void *)bpf_get_current_task()))
		return 0;
	thread = bpf_get_current_pid_tgid();
	call.start = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&otasync_call, &thread, &call, BPF_ANY))
		count_lost(&otasync_lost, OTASYNC_LOST_MAP_FULL);
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(otasync_exit, struct pt_regs *regs, long result)
{
	struct otasync_call *call;
	u64 thread;

	if (operation_of_call(syscall_number(regs)) == OTASYNC_NONE)
		return 0;
	thread = bpf_get_current_pid_tgid();
	call = bpf_map_lookup_elem(&otasync_call, &thread);
	if (!call)
		return 0;
	observe(&call->key, call->start);
	bpf_map_delete_elem(&otasync_call, &thread);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* How long updates wait for what they wrote to be safe. Attached only while an update is open. */
#include "lib/types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/argument.bpf.h"
#include "lib/block.bpf.h"
#include "lib/compat.bpf.h"
#include "lib/histogram.bpf.h"
#include "lib/in_flight.bpf.h"
#include "lib/lost.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/needs.bpf.h"
#include "lib/ota.bpf.h"
#include "lib/owner.bpf.h"
#include "lib/syscall.bpf.h"

enum otasync_role {
	OTASYNC_ROLE_SLOT = OTA_ROLE_SLOT,
	OTASYNC_ROLE_BOOTENV = OTA_ROLE_BOOTENV,
	OTASYNC_ROLE_DATA = OTA_ROLE_DATA,
	OTASYNC_ROLE_OTHER, /* lies elsewhere, or is everything (sync) */
};

enum otasync_operation {
	OTASYNC_FSYNC,
	OTASYNC_FDATASYNC,
	OTASYNC_SYNCFS,
	OTASYNC_SYNC_FILE_RANGE,
	OTASYNC_SYNC,
	OTASYNC_FLUSH, /* of the device's own cache */
	OTASYNC_NONE,
};

struct otasync_key {
	enum otasync_role role;
	enum otasync_operation operation;
};

struct otasync_call {
	u64 start;
	struct otasync_key key;
};

enum otasync_lost_reason {
	OTASYNC_LOST_MAP_FULL,
	OTASYNC_LOST_NO_TIMESTAMP,
};

const volatile struct otasync_syscalls otasync_syscalls = {-1, -1, -1, -1, -1};

const volatile struct histogram_buckets otasync_latency_buckets = {
	.kind = HISTOGRAM_ZONES,
	.count = 5,
	.bounds = {1000000ULL, 10000000ULL, 100000000ULL, 1000000000ULL, 10000000000ULL},
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 32);
	__type(key, struct otasync_key);
	__type(value, struct histogram);
} otasync_latency SEC(".maps");

/* Calls under way, by thread; a thread may vanish in one. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, u64);
	__type(value, struct otasync_call);
} otasync_call SEC(".maps");

/* Flushes of bio-based disks. */
IN_FLIGHT_MAP(otasync_bio);

LOST_MAP(otasync, OTASYNC_LOST_NO_TIMESTAMP);

static const struct histogram no_latency;

static __always_inline void observe(const struct otasync_key *key, u64 start)
{
	u64 now = bpf_ktime_get_ns();
	struct histogram *latency = lookup_or_insert(&otasync_latency, key, &no_latency);

	if (!latency)
		count_lost(&otasync_lost, OTASYNC_LOST_MAP_FULL);
	else if (now >= start)
		histogram_observe(&otasync_latency_buckets, latency, now - start);
}

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
static __always_inline enum otasync_role role_of_device(const struct otawrite_filter *filter,
							u32 number)
{
	const struct otawrite_device *device = find_device(filter, number);
	enum otasync_role role = OTASYNC_ROLE_OTHER;
	u32 index, disk;

	if (!device)
		return role;
	disk = device->disk;
	if (disk != number)
		device = find_device(filter, disk);
	if (!device)
		return role;
	for (index = 0; index < OTAWRITE_RANGES && index < device->ranges; index++) {
		const struct otawrite_range *range = &device->range[index];
		u32 bound_number = OTAWRITE_DEVICE(range->major, range->minor);

		if (bound_number == number)
			return range->role;
		if (bound_number == disk || (disk == number && !index))
			role = range->role;
	}
	return role;
}

static __always_inline enum otasync_role role_of_descriptor(const struct otawrite_filter *filter,
							    u64 descriptor)
{
	struct inode *inode = inode_of_descriptor(descriptor);
	u32 number;

	if (!inode)
		return OTASYNC_ROLE_OTHER;
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFBLK)
		number = BPF_CORE_READ(inode, i_rdev);
	else
		number = BPF_CORE_READ(inode, i_sb, s_dev);
	return role_of_device(filter, number);
}

/* Calls of the update's tasks, whatever they wait for, and anybody's on its devices. */
SEC("?tp_btf/sys_enter")
int BPF_PROG(otasync_enter, struct pt_regs *regs, long number)
{
	enum otasync_operation operation = operation_of_call(number);
	struct otasync_call call = {.key = {OTASYNC_ROLE_OTHER, operation}};
	const struct otawrite_filter *filter;
	u64 thread;

	if (operation == OTASYNC_NONE || is_compat_syscall())
		return 0;
	filter = find_filter();
	if (!filter)
		return 0;
	if (operation != OTASYNC_SYNC)
		call.key.role = role_of_descriptor(filter, syscall_first(regs));
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

/* A flush has no sector: it counts for the disk's smallest bound device, as in otawrite. */
static __always_inline bool is_bound_disk(struct gendisk *disk, struct otasync_key *key)
{
	const struct otawrite_filter *filter = bound();
	const struct otawrite_device *device;

	if (!filter || !disk)
		return false;
	device = find_device(filter, OTAWRITE_DEVICE((u32)disk->major, (u32)disk->first_minor));
	if (!device || !device->ranges)
		return false;
	key->role = device->range[0].role;
	key->operation = OTASYNC_FLUSH;
	return true;
}

SEC("?tp_btf/block_rq_complete")
int BPF_PROG(otasync_rq_complete, struct request *request, int error, unsigned int bytes)
{
	struct otasync_key key = {};

	if ((request->cmd_flags & REQ_OP_MASK) != REQ_OP_FLUSH ||
	    !is_bound_disk(request_disk(request), &key))
		return 0;
	if (request->start_time_ns)
		observe(&key, request->start_time_ns);
	else
		count_lost(&otasync_lost, OTASYNC_LOST_NO_TIMESTAMP);
	return 0;
}

static __always_inline bool is_flush_of_bios(struct bio *bio, struct otasync_key *key)
{
	struct gendisk *disk;

	if ((bio->bi_opf & REQ_OP_MASK) != REQ_OP_WRITE || bio->bi_iter.bi_size)
		return false;
	disk = bio_disk(bio);
	return is_bound_disk(disk, key) && !BPF_CORE_READ(disk, queue, mq_ops);
}

/* As in otawrite, with the commits. */
SEC("?tp_btf/block_bio_queue")
int BPF_PROG(otasync_bio_queue__with_queue, struct request_queue *queue, struct bio *bio)
{
	struct otasync_key key = {};

	if (is_flush_of_bios(bio, &key))
		in_flight_begin(&otasync_bio, argument(ctx, 1), bio);
	return 0;
}
NEEDS(otasync_bio_queue__with_queue, "args block_bio_queue 2");

SEC("?tp_btf/block_bio_queue")
int BPF_PROG(otasync_bio_queue__plain, struct bio *bio)
{
	struct otasync_key key = {};

	if (is_flush_of_bios(bio, &key))
		in_flight_begin(&otasync_bio, argument(ctx, 0), bio);
	return 0;
}

SEC("?tp_btf/block_bio_complete")
int BPF_PROG(otasync_bio_complete, struct request_queue *queue, struct bio *bio)
{
	struct otasync_key key = {};
	u64 start;

	if (!is_flush_of_bios(bio, &key))
		return 0;
	/* A write that was split may look like one by now, but was not begun. */
	start = in_flight_end(&otasync_bio, argument(ctx, 1), bio).start;
	if (start)
		observe(&key, start);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

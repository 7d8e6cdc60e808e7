// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Which update wrote how much to its target devices, how long that took and what failed. */
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
#include "lib/recent.bpf.h"
#include "lib/stamp.bpf.h"

struct otawrite_key {
	u32 major;
	u32 minor;
	enum ota_role role;
	enum ota_step step;
	enum block_operation operation;
};

struct otawrite_stats {
	u64 bytes; /* when they were queued */
	u64 bios;
};

struct otawrite_latency_key {
	u32 major;
	u32 minor;
	enum ota_role role;
};

struct otawrite_error_key {
	u32 major;
	u32 minor;
	enum ota_role role;
	enum block_operation operation;
	enum block_status status;
};

enum otawrite_lost_reason {
	OTAWRITE_LOST_MAP_FULL,
	OTAWRITE_LOST_NO_TIMESTAMP, /* latency only */
	OTAWRITE_LOST_NO_STAMP,	    /* dirtied before the device was bound, or pushed out */
};

const volatile struct histogram_buckets otawrite_latency_buckets = {
	.kind = HISTOGRAM_ZONES,
	.count = 5,
	.bounds = {100000ULL, 1000000ULL, 10000000ULL, 100000000ULL, 1000000000ULL},
};

/* These four are written by user space alone; other probes of updates read them. */
struct otawrite_filter_map otawrite_filter SEC(".maps");
struct otawrite_device_map otawrite_device SEC(".maps");
struct otawrite_cgroup_map otawrite_cgroup SEC(".maps");
struct otawrite_process_map otawrite_process SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, struct otawrite_key);
	__type(value, struct otawrite_stats);
} otawrite SEC(".maps");

struct otawrite_tx_map otawrite_tx SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 64);
	__type(key, struct otawrite_latency_key);
	__type(value, struct histogram);
} otawrite_latency SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, struct otawrite_error_key);
	__type(value, u64);
} otawrite_errors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct otawrite_last_error_key);
	__type(value, struct otawrite_last_error);
} otawrite_last_error SEC(".maps");

/* Bios of bio-based disks, which have no request that keeps the time. */
IN_FLIGHT_MAP(otawrite_start);

LOST_MAP(otawrite, OTAWRITE_LOST_NO_STAMP);

static const struct otawrite_stats no_writes;
static const struct histogram no_latency;

/* What this CPU's last I/O on a bound device was for, valid until the filter says otherwise. */
struct recent_target {
	u64 changes;
	struct otawrite_range range;
	u32 disk;
	u32 has_requests;
	u32 sequence;
	u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct recent_target);
} otawrite_target SEC(".maps");

/* I/O on a bound device. */
struct target_io {
	u32 disk;
	u32 has_requests; /* else it is bio-based */
	u32 major;
	u32 minor;
	enum ota_role role;
	enum block_operation operation;
	u32 bytes;
	u64 sector; /* of the disk */
	u64 first;  /* where the bound device begins */
};

static __always_inline void aim(struct target_io *io, const struct otawrite_range *range, u32 disk,
				u64 sector)
{
	io->disk = disk;
	io->major = range->major;
	io->minor = range->minor;
	io->role = range->role;
	io->first = range->first;
	io->sector = sector;
}

static __always_inline bool is_recent_target(const struct recent_target *recent, u64 changes,
					     u32 disk, u64 sector, struct target_io *io)
{
	u32 begin = recent_read_begin(&recent->sequence);

	if (recent->changes != changes || recent->disk != disk || sector < recent->range.first ||
	    sector >= recent->range.end)
		return false;
	io->has_requests = recent->has_requests;
	aim(io, &recent->range, disk, sector);
	return recent_read_end(&recent->sequence, begin);
}

static __always_inline void keep_target(struct recent_target *recent, u64 changes,
					const struct target_io *io,
					const struct otawrite_range *range)
{
	if (!range->whole || !recent_write_begin(&recent->sequence))
		return;
	recent->changes = changes;
	recent->disk = io->disk;
	recent->has_requests = io->has_requests;
	recent->range = *range;
	recent_write_end(&recent->sequence);
}

/*
 * Which range of the disk the I/O is for, OTAWRITE_RANGES for none. Verified by itself, once:
 * inlined, its 16 ways to end would each go on to the end of the caller, more than 5.10 has
 * patience for.
 */
__noinline u64 otawrite_range_of(u32 disk, u64 sector, u32 bytes)
{
	const struct otawrite_device *device = bpf_map_lookup_elem(&otawrite_device, &disk);
	u64 index;

	if (!device)
		return OTAWRITE_RANGES;
	for (index = 0; index < OTAWRITE_RANGES && index < device->ranges; index++) {
		const struct otawrite_range *range = &device->range[index];

		if (!bytes || (sector >= range->first && sector < range->end))
			return index;
	}
	return OTAWRITE_RANGES;
}

/*
 * Which bound device the I/O is for, by its first sector: partitions are remapped to their disk
 * before bios are queued (5.10 then forgets them), and requests know the disk alone. A flush has no
 * sector and counts for the smallest bound device: it is the disk's anyway.
 */
static __always_inline bool find_target(const struct otawrite_filter *filter, struct gendisk *disk,
					u64 sector, struct target_io *io)
{
	u32 number = OTAWRITE_DEVICE((u32)disk->major, (u32)disk->first_minor), only = 0;
	const struct otawrite_device *device;
	const struct otawrite_range *range;
	struct recent_target *recent;
	u64 changes = filter->changes, index;

	if (!may_be_bound(filter, number))
		return false;
	recent = bpf_map_lookup_elem(&otawrite_target, &only);
	if (!recent)
		return false;
	if (io->bytes && is_recent_target(recent, changes, number, sector, io))
		return true;
	index = otawrite_range_of(number, sector, io->bytes);
	device = bpf_map_lookup_elem(&otawrite_device, &number);
	if (index >= OTAWRITE_RANGES || !device)
		return false;
	/* 5.10 forgets the bound of a number that goes to the stack. */
	barrier_var(index);
	range = &device->range[index & (OTAWRITE_RANGES - 1)];
	/* The disk may have been bound anew between the two looks. */
	if (io->bytes && (sector < range->first || sector >= range->end))
		return false;
	io->has_requests = BPF_CORE_READ(disk, queue, mq_ops) != NULL;
	aim(io, range, number, sector);
	keep_target(recent, changes, io, range);
	return true;
}

/* How far up a bound cgroup or process is looked for. */
#define CGROUP_LEVELS  16
#define PROCESS_LEVELS 16

/* How the ids of a cgroup and its ancestors are read; constant wherever it is used. */
enum ancestry {
	ANCESTRY_KEPT_IDS,
	ANCESTRY_POINTERS,
	ANCESTRY_OF_CURRENT, /* by a helper, the cheapest */
};

static __always_inline u64 nearest_transaction(const struct otawrite_filter *filter,
					       struct cgroup *cgroup, enum ancestry ancestry)
{
	int level = BPF_CORE_READ(cgroup, level), up;

	for (up = 0; up < CGROUP_LEVELS && up <= level; up++) {
		u64 id, *transaction;

		if (ancestry == ANCESTRY_OF_CURRENT)
			id = bpf_get_current_ancestor_cgroup_id(level - up);
		else if (ancestry == ANCESTRY_POINTERS)
			id = cgroup_ancestor_id(cgroup, level - up);
		else
			id = cgroup_kept_ancestor_id(cgroup, level - up);
		if (!(filter->cgroups >> OTAWRITE_FILTER_BIT(id) & 1))
			continue;
		transaction = bpf_map_lookup_elem(&otawrite_cgroup, &id);
		if (transaction)
			return *transaction;
	}
	return 0;
}

/* Verified by themselves, once, like otawrite_range_of(): they are asked in several places. */
__noinline u64 otawrite_cgroup_transaction(u64 cgroup, u64 of_current)
{
	const struct otawrite_filter *filter = find_filter();

	if (!filter || !filter->cgroups)
		return 0;
	if (cgroup_keeps_ancestor_ids((void *)cgroup))
		return nearest_transaction(filter, (void *)cgroup, ANCESTRY_KEPT_IDS);
	if (of_current)
		return nearest_transaction(filter, (void *)cgroup, ANCESTRY_OF_CURRENT);
	return nearest_transaction(filter, (void *)cgroup, ANCESTRY_POINTERS);
}

static __always_inline u64 process_transaction(const struct otawrite_filter *filter,
					       struct task_struct *task)
{
	u64 *transaction;
	u32 up;

	for (up = 0; up < PROCESS_LEVELS; up++) {
		u32 process = BPF_CORE_READ(task, tgid);

		if (!process)
			return 0;
		if (filter->processes >> OTAWRITE_FILTER_BIT(process) & 1) {
			transaction = bpf_map_lookup_elem(&otawrite_process, &process);
			if (transaction)
				return *transaction;
		}
		task = BPF_CORE_READ(task, real_parent);
	}
	return 0;
}

__noinline u64 otawrite_task_owner(u64 address, u64 is_current)
{
	const struct otawrite_filter *filter = find_filter();
	struct task_struct *task = (void *)address;
	u64 transaction = 0;

	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return OTAWRITE_OWNER_UNKNOWN;
	if (!filter)
		return OTAWRITE_OWNER_OTHER;
	if (filter->cgroups)
		transaction = otawrite_cgroup_transaction(
			(u64)BPF_CORE_READ(task, cgroups, dfl_cgrp), is_current);
	if (!transaction && filter->processes)
		transaction = process_transaction(filter, task);
	return transaction ? transaction : OTAWRITE_OWNER_OTHER;
}

/* On cgroup v1 the ids are another hierarchy's. */
static __always_inline u64 blkcg_transaction(const struct otawrite_filter *filter, struct bio *bio)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cgroup *cgroup;

	if (!filter->cgroups || !bpf_core_field_exists(bio->bi_blkg))
		return 0;
	cgroup = BPF_CORE_READ(bio, bi_blkg, blkcg, css.cgroup);
	if (!cgroup || BPF_CORE_READ(cgroup, root) != BPF_CORE_READ(task, cgroups, dfl_cgrp, root))
		return 0;
	return otawrite_cgroup_transaction((u64)cgroup, 0);
}

/* Whether the page is in the cache of a file or device on the disk; then also its owner. */
static __always_inline bool find_page_owner(const struct otawrite_filter *filter, struct bio *bio,
					    const struct target_io *io, u64 *owner)
{
	struct page_region region = {};
	struct page_owner stamp;
	const struct otawrite_device *device;

	if (!page_region_of_bio(bio, &region))
		return false;
	if (find_stamp(filter, &region, &stamp)) {
		*owner = stamp.owner;
		return stamp.disk == io->disk;
	}
	device = find_device(filter, region.device);
	if (!device || device->disk != io->disk)
		return false;
	count_lost(&otawrite_lost, OTAWRITE_LOST_NO_STAMP);
	return true;
}

static __always_inline enum ota_step find_writer(const struct otawrite_filter *filter,
						 struct bio *bio, const struct target_io *io,
						 bool has_pages, u64 *transaction)
{
	bool cached = false;
	u64 owner = OTAWRITE_OWNER_UNKNOWN;

	if (has_pages)
		cached = find_page_owner(filter, bio, io, &owner);
	if (cached && owner == OTAWRITE_OWNER_OTHER)
		return OTA_BY_NOBODY;
	if (cached && owner) {
		*transaction = owner;
		return OTA_BY_INODE;
	}
	owner = task_owner();
	if (owner && owner != OTAWRITE_OWNER_OTHER) {
		*transaction = owner;
		return OTA_BY_TASK;
	}
	/* Whoever asks for writeback need not be who wrote. */
	if (owner == OTAWRITE_OWNER_OTHER && !cached)
		return OTA_BY_NOBODY;
	*transaction = blkcg_transaction(filter, bio);
	return *transaction ? OTA_BY_BLKCG : OTA_BY_DEVICE;
}

static __always_inline bool is_write(u32 operation)
{
	return operation == REQ_OP_WRITE || operation == REQ_OP_WRITE_ZEROES;
}

static __always_inline void queue_bio(struct bio *bio, const unsigned long long *ctx, int index)
{
	const struct otawrite_filter *filter = bound();
	struct gendisk *disk;
	struct target_io io = {};
	struct otawrite_key key;
	struct otawrite_stats *stats;
	u64 transaction = 0;
	bool has_pages;
	u32 operation;

	if (!filter)
		return;
	operation = bio->bi_opf & REQ_OP_MASK;
	if (operation == REQ_OP_READ)
		return;
	disk = bio_disk(bio);
	io.bytes = bio->bi_iter.bi_size;
	if (!disk || !find_target(filter, disk, bio->bi_iter.bi_sector, &io))
		return;
	has_pages = operation == REQ_OP_WRITE && io.bytes;
	key.step = find_writer(filter, bio, &io, has_pages, &transaction);
	/* Not earlier: the verifier follows each operation by itself from here on. */
	io.operation = bio_operation(operation, io.bytes);
	key.major = io.major;
	key.minor = io.minor;
	key.role = io.role;
	key.operation = io.operation;
	stats = lookup_or_insert(&otawrite, &key, &no_writes);
	if (stats) {
		stats->bytes += io.bytes;
		stats->bios += 1;
	} else {
		count_lost(&otawrite_lost, OTAWRITE_LOST_MAP_FULL);
	}
	if (transaction && io.bytes && is_write(operation) &&
	    !count_transaction(transaction, key.step, io.bytes))
		count_lost(&otawrite_lost, OTAWRITE_LOST_MAP_FULL);
	if (!io.has_requests)
		in_flight_begin(&otawrite_start, argument(ctx, index), bio);
}

/* 5.11, e8a676d61c07 ("block: simplify and extended the block_bio_merge tracepoint class"). */
SEC("tp_btf/block_bio_queue")
int BPF_PROG(otawrite_bio_queue__with_queue, struct request_queue *queue, struct bio *bio)
{
	queue_bio(bio, ctx, 1);
	return 0;
}
NEEDS(otawrite_bio_queue__with_queue, "args block_bio_queue 2");

SEC("tp_btf/block_bio_queue")
int BPF_PROG(otawrite_bio_queue__plain, struct bio *bio)
{
	queue_bio(bio, ctx, 0);
	return 0;
}

/* `index`: of the page in its file. */
static __always_inline void stamp_page(u64 index, struct address_space *mapping)
{
	struct otawrite_filter *filter = bound();
	struct page_region region = {.number = index >> PAGE_REGION_SHIFT};

	if (!filter || !mapping)
		return;
	region_of_mapping(mapping, &region);
	if (!may_be_bound(filter, region.device))
		return;
	if (!stamp_region(filter, &region))
		count_lost(&otawrite_lost, OTAWRITE_LOST_MAP_FULL);
}

SEC("tp_btf/writeback_dirty_folio")
int BPF_PROG(otawrite_dirty__folio, struct folio *folio, struct address_space *mapping)
{
	stamp_page(folio->index, mapping);
	return 0;
}

/* Before 5.16, 203a31516616 ("mm/writeback: Add __folio_mark_dirty()"). */
SEC("tp_btf/writeback_dirty_page")
int BPF_PROG(otawrite_dirty__page, struct page___with_index *page, struct address_space *mapping)
{
	stamp_page(page->index, mapping);
	return 0;
}

static __always_inline void note_last_error(const struct target_io *io, enum block_status status)
{
	struct otawrite_last_error_key key = {
		.major = io->major,
		.minor = io->minor,
		.status = status,
	};
	struct otawrite_last_error error = {
		.sector = io->sector,
		.offset = (io->sector - io->first) << 9,
		.bytes = io->bytes,
		.at_ns = bpf_ktime_get_boot_ns(),
		.count = 1,
		.status = status,
		.operation = io->operation,
		.role = io->role,
	};
	const struct otawrite_last_error *before = bpf_map_lookup_elem(&otawrite_last_error, &key);

	if (before)
		error.count += before->count;
	/* Replaced as a whole, so that nobody reads half of each. */
	if (bpf_map_update_elem(&otawrite_last_error, &key, &error, BPF_ANY))
		count_lost(&otawrite_lost, OTAWRITE_LOST_MAP_FULL);
}

static __always_inline void count_error(const struct target_io *io, enum block_status status)
{
	struct otawrite_error_key key = {
		.major = io->major,
		.minor = io->minor,
		.role = io->role,
		.operation = io->operation,
		.status = status,
	};
	u64 *errors;

	if (is_harmless(io->operation, status))
		return;
	errors = lookup_or_insert(&otawrite_errors, &key, &no_count);
	if (errors)
		*errors += 1;
	else
		count_lost(&otawrite_lost, OTAWRITE_LOST_MAP_FULL);
	note_last_error(io, status);
}

static __always_inline void observe_latency(const struct target_io *io, u64 start)
{
	struct otawrite_latency_key key = {
		.major = io->major,
		.minor = io->minor,
		.role = io->role,
	};
	u64 now = bpf_ktime_get_ns();
	struct histogram *latency;

	if (!start) {
		count_lost(&otawrite_lost, OTAWRITE_LOST_NO_TIMESTAMP);
		return;
	}
	latency = lookup_or_insert(&otawrite_latency, &key, &no_latency);
	if (!latency)
		count_lost(&otawrite_lost, OTAWRITE_LOST_MAP_FULL);
	else if (now >= start)
		histogram_observe(&otawrite_latency_buckets, latency, now - start);
}

/* As in blockio: what is no I/O, errors by kernel version, requests that complete in parts. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(otawrite_rq_complete, struct request *request, int error, unsigned int bytes)
{
	const struct otawrite_filter *filter = bound();
	u32 operation = request->cmd_flags & REQ_OP_MASK;
	struct target_io io = {.bytes = bytes};
	struct gendisk *disk;

	if (!filter || operation >= REQ_OP_PASSTHROUGH || (!error && operation == REQ_OP_READ))
		return 0;
	if (!bytes && !error && operation == REQ_OP_WRITE)
		return 0;
	disk = request_disk(request);
	if (!disk || !find_target(filter, disk, request->__sector, &io))
		return 0;
	if (error) {
		io.operation = block_operation(operation);
		count_error(&io, error < 0 ? status_of_errno(-error) : status_of_block(error));
	}
	if (is_write(operation) && bytes >= request->__data_len)
		observe_latency(&io, request->start_time_ns);
	return 0;
}

/* Bio-based disks, and bios that failed before they became requests. */
SEC("tp_btf/block_bio_complete")
int BPF_PROG(otawrite_bio_complete, struct request_queue *queue, struct bio *bio)
{
	const struct otawrite_filter *filter = bound();
	u32 status = bio->bi_status, operation;
	struct in_flight_bio queued;
	bool has_requests;
	struct target_io io = {};
	struct gendisk *disk;

	if (!filter)
		return 0;
	has_requests = BPF_CORE_READ(queue, mq_ops);
	if (!status && has_requests)
		return 0;
	operation = bio->bi_opf & REQ_OP_MASK;
	if (!status && operation == REQ_OP_READ)
		return 0;
	disk = bio_disk(bio);
	queued = in_flight_end(&otawrite_start, argument(ctx, 1), bio);
	io.bytes = queued.bytes;
	if (!disk || !find_target(filter, disk, queued.sector, &io))
		return 0;
	if (status) {
		io.operation = bio_operation(operation, io.bytes);
		count_error(&io, status_of_block(status));
	}
	if (!has_requests && io.bytes && is_write(operation))
		observe_latency(&io, queued.start);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

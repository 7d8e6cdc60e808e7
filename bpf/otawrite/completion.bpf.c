// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* How long the writes to target devices took, and what failed. */
#include "../lib/types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "../lib/argument.bpf.h"
#include "../lib/block.bpf.h"
#include "../lib/compat.bpf.h"
#include "../lib/histogram.bpf.h"
#include "../lib/in_flight.bpf.h"
#include "../lib/lost.bpf.h"
#include "../lib/maps.bpf.h"
#include "../lib/needs.bpf.h"
#include "../lib/ota.bpf.h"
#include "../otawrite.h"
#include "target.bpf.h"

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

const volatile struct histogram_buckets otawrite_latency_buckets = {
	.kind = HISTOGRAM_ZONES,
	.count = 5,
	.bounds = {100000ULL, 1000000ULL, 10000000ULL, 100000000ULL, 1000000000ULL},
};

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

static const struct histogram no_latency;

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

#define NO_LATENCY ~0ULL

/*
 * Counts what has ended on a disk. Not inlined, because of its stack. `result`: an enum
 * block_operation, with a status in the upper 32 bits; `start`: 0 if unknown, NO_LATENCY to observe
 * no latency.
 */
__noinline u64 otawrite_count_end(u64 disk, u64 result, u64 sector, u64 bytes, u64 start)
{
	const struct ota_filter *filter = bound();
	u32 status = result >> 32;
	struct target_io io = {.bytes = bytes};

	if (!filter || !find_target(filter, disk, sector, &io))
		return 0;
	io.operation = result;
	if (status)
		count_error(&io, status);
	if (start != NO_LATENCY &&
	    (io.operation == BLOCK_WRITE || io.operation == BLOCK_WRITE_ZEROES))
		observe_latency(&io, start);
	return 0;
}

static __always_inline u64 result_of(enum block_operation operation, u64 status)
{
	return operation | status << 32;
}

static __always_inline void count_ended(const struct in_flight_bio *ended, u64 operation,
					u64 status)
{
	otawrite_count_end(ended->device, result_of(bio_operation(operation, ended->bytes), status),
			   ended->sector, ended->bytes, ended->start);
}

__noinline u64 otawrite_end_bio(u64 address, u64 operation, u64 status, u64 bytes, u64 device)
{
	return in_flight_end_bio(&otawrite_start, address, operation, status, bytes, device,
				 count_ended);
}

/* As in blockio. */
__noinline u64 otawrite_end_bios(u64 address, u64 operation, u64 status, u64 bytes)
{
	if (!in_flight_end_bios(address, operation, status, bytes, otawrite_end_bio))
		count_lost(&otawrite_lost, OTAWRITE_LOST_TOO_MANY_BIOS);
	return 0;
}

/* As in blockio: what is no I/O, errors by kernel version, requests that complete in parts. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(otawrite_rq_complete, struct request *request, int error, unsigned int bytes)
{
	const struct ota_filter *filter = bound();
	u32 operation = request->cmd_flags & REQ_OP_MASK, status = 0, number;
	u64 start = NO_LATENCY, address = 0;
	struct gendisk *disk;

	if (!filter || operation >= REQ_OP_PASSTHROUGH || (!error && operation == REQ_OP_READ))
		return 0;
	if (!bytes && !error && operation == REQ_OP_WRITE)
		return 0;
	if (error)
		status = error < 0 ? status_of_errno(-error) : status_of_block(error);
	if (otawrite_passed_on) {
		bpf_core_read(&address, sizeof(address), &request->bio);
		otawrite_end_bios(address, operation, status, bytes);
	}
	disk = request_disk(request);
	if (!disk)
		return 0;
	number = disk_number(disk);
	if (!may_be_bound(filter, number))
		return 0;
	if (bytes >= request->__data_len)
		start = request->start_time_ns;
	otawrite_count_end(number, result_of(block_operation(operation), status), request->__sector,
			   bytes, start);
	return 0;
}

__noinline u64 otawrite_pass_on(u64 address, u64 sector)
{
	if (in_flight_pass_on(&otawrite_start, address, sector))
		otawrite_passed_on = true;
	return 0;
}

/* As in blockio, with the commit. */
SEC("tp_btf/block_bio_remap")
int BPF_PROG(otawrite_bio_remap__with_queue, struct request_queue *queue, struct bio *bio,
	     unsigned int device, u64 sector)
{
	return otawrite_stacked ? otawrite_pass_on(argument(ctx, 1), sector) : 0;
}
NEEDS(otawrite_bio_remap__with_queue, "args block_bio_remap 4");

SEC("tp_btf/block_bio_remap")
int BPF_PROG(otawrite_bio_remap__plain, struct bio *bio, unsigned int device, u64 sector)
{
	return otawrite_stacked ? otawrite_pass_on(argument(ctx, 0), sector) : 0;
}

/* Bio-based disks, and bios that failed before they became requests; not what drivers tell. */
SEC("tp_btf/block_bio_complete")
int BPF_PROG(otawrite_bio_complete, struct request_queue *queue, struct bio *bio)
{
	const struct ota_filter *filter = bound();
	u32 status = bio->bi_status, operation = bio->bi_opf & REQ_OP_MASK, number;
	u32 bytes = bio->bi_iter.bi_size;
	u64 address = argument(ctx, 1), sector = bio->bi_iter.bi_sector, result;
	bool has_requests;
	struct gendisk *disk;

	if (!filter || (!status && operation == REQ_OP_READ))
		return 0;
	has_requests = queue->mq_ops;
	if (!status && has_requests && !otawrite_passed_on)
		return 0;
	disk = bio_disk(bio);
	if (!disk || disk->queue != queue)
		return 0;
	number = disk_number(disk);
	if (status)
		status = status_of_block(status);
	result = result_of(bio_operation(operation, bytes), status);
	if (!has_requests) {
		if (!otawrite_end_bio(address, operation, status, bytes, number))
			otawrite_count_end(number, result, sector, bytes, 0);
		return 0;
	}
	if (otawrite_passed_on)
		otawrite_end_bio(address, operation, status, bytes, 0);
	if (status)
		otawrite_count_end(number, result, sector, bytes, NO_LATENCY);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Latency, bytes and errors of block I/O by whole disk and operation. */
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

struct blockio_key {
	u32 major;
	u32 minor;
	enum block_operation operation;
};

struct blockio_stats {
	u64 requests;		  /* completed, failed ones included */
	u64 bytes;		  /* of what did not fail */
	struct histogram latency; /* ns, queue + service */
	struct histogram queue;	  /* ns, until the driver got the request */
	struct histogram service; /* ns, from then on */
};

struct blockio_error_key {
	u32 major;
	u32 minor;
	enum block_operation operation;
	enum block_status status;
};

enum blockio_lost_reason {
	BLOCKIO_LOST_MAP_FULL,
	BLOCKIO_LOST_NO_TIMESTAMP,	 /* counted, but its latency is not known */
	BLOCKIO_LOST_NO_ISSUE_TIMESTAMP, /* nor how it divides into queue and service time */
	BLOCKIO_LOST_TOO_MANY_BIOS,	 /* of other disks in one request, see REQUEST_BIOS */
};

/* Queue and service time beside their sum; bio-based disks have no queue to wait in. */
const volatile bool blockio_split = false;

#define DECADES_FROM_100_MICROSECONDS                                                              \
	{                                                                                          \
		.kind = HISTOGRAM_ZONES, .count = 5,                                               \
		.bounds = {100000ULL, 1000000ULL, 10000000ULL, 100000000ULL, 1000000000ULL},       \
	}
const volatile struct histogram_buckets blockio_latency_buckets = DECADES_FROM_100_MICROSECONDS;
const volatile struct histogram_buckets blockio_queue_buckets = DECADES_FROM_100_MICROSECONDS;
const volatile struct histogram_buckets blockio_service_buckets = DECADES_FROM_100_MICROSECONDS;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 128);
	__type(key, struct blockio_key);
	__type(value, struct blockio_stats);
} blockio SEC(".maps");
ENTRIES_PER_DISK(blockio, 4); /* reads, writes, flushes and discards */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, struct blockio_error_key);
	__type(value, u64);
} blockio_errors SEC(".maps");
ENTRIES_PER_DISK(blockio_errors, 4);

/* Bios of bio-based disks, which have no request that keeps the time. */
struct in_flight_map blockio_start SEC(".maps");

/* Whether some have been queued, and passed on to other disks, since the start. */
bool blockio_stacked, blockio_passed_on;

LOST_MAP(blockio, BLOCKIO_LOST_TOO_MANY_BIOS);

/* Too large for the stack. */
static const struct blockio_stats no_io;
static const u64 no_errors;

static __always_inline void count_error(const struct blockio_key *io, enum block_status status)
{
	struct blockio_error_key key = {
		.major = io->major,
		.minor = io->minor,
		.operation = io->operation,
		.status = status,
	};
	u64 *errors;

	if (is_harmless(io->operation, status))
		return;
	errors = lookup_or_insert(&blockio_errors, &key, &no_errors);
	if (errors)
		*errors += 1;
	else
		count_lost(&blockio_lost, BLOCKIO_LOST_MAP_FULL);
}

static __always_inline void observe_latency(struct blockio_stats *stats, u64 start, u64 now)
{
	if (!start)
		count_lost(&blockio_lost, BLOCKIO_LOST_NO_TIMESTAMP);
	else if (now >= start)
		histogram_observe(&blockio_latency_buckets, &stats->latency, now - start);
}

static __always_inline void observe_split(struct blockio_stats *stats, u64 start, u64 issue,
					  u64 now)
{
	if (!start || !issue) {
		count_lost(&blockio_lost, BLOCKIO_LOST_NO_ISSUE_TIMESTAMP);
	} else if (issue >= start && now >= issue) {
		histogram_observe(&blockio_queue_buckets, &stats->queue, issue - start);
		histogram_observe(&blockio_service_buckets, &stats->service, now - issue);
	}
}

static __always_inline struct blockio_stats *stats_of(const struct blockio_key *key)
{
	struct blockio_stats *stats = lookup_or_insert(&blockio, key, &no_io);

	if (!stats)
		count_lost(&blockio_lost, BLOCKIO_LOST_MAP_FULL);
	return stats;
}

/*
 * Functions by themselves, here and below: inlined for each way of each bio they would take the
 * verifier long. `status`: 0 for none.
 */
__noinline u64 blockio_count_bio(u64 device, u64 operation, u64 status, u64 bytes, u64 start)
{
	struct blockio_key key = {
		.major = in_flight_major(device),
		.minor = in_flight_minor(device),
		.operation = bio_operation(operation, bytes),
	};
	struct blockio_stats *stats;

	if (status)
		count_error(&key, status);
	stats = stats_of(&key);
	if (!stats)
		return 0;
	stats->requests += 1;
	if (!status)
		stats->bytes += bytes;
	observe_latency(stats, start, bpf_ktime_get_ns());
	return 0;
}

static __always_inline void count_ended(const struct in_flight_bio *ended, u64 operation,
					u64 status)
{
	blockio_count_bio(ended->device, operation, status, ended->bytes, ended->start);
}

__noinline u64 blockio_end_bio(u64 address, u64 operation, u64 status, u64 bytes, u64 device)
{
	return in_flight_end_bio(&blockio_start, address, operation, status, bytes, device,
				 count_ended);
}

/* Of a request: those that were queued on other disks end here. */
__noinline u64 blockio_end_bios(u64 address, u64 operation, u64 status, u64 bytes)
{
	if (!in_flight_end_bios(address, operation, status, bytes, blockio_end_bio))
		count_lost(&blockio_lost, BLOCKIO_LOST_TOO_MANY_BIOS);
	return 0;
}

/* The error is an errno (negative) on 5.10 and a block status (positive) from 6.1 on. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(blockio_rq_complete, struct request *request, int error, unsigned int bytes)
{
	struct gendisk *disk = request_disk(request);
	u32 operation = request->cmd_flags & REQ_OP_MASK, status = 0;
	struct blockio_stats *stats;
	struct blockio_key key;
	u64 address = 0, now;

	/* No disk and passthrough: commands to a driver, not I/O. */
	if (!disk || operation >= REQ_OP_PASSTHROUGH)
		return 0;
	if (error)
		status = error < 0 ? status_of_errno(-error) : status_of_block(error);
	if (blockio_passed_on) {
		bpf_core_read(&address, sizeof(address), &request->bio);
		blockio_end_bios(address, operation, status, bytes);
	}
	/*
	 * A read or write of 0 bytes: the second completion of what went through a flush; the flush
	 * itself is a request too. A hidden disk is a path to another one, which has been told.
	 */
	if ((!bytes && !error && operation <= REQ_OP_WRITE) || disk_is_hidden(disk))
		return 0;
	key.major = disk->major;
	key.minor = disk->first_minor;
	key.operation = block_operation(operation);
	if (status)
		count_error(&key, status);
	stats = stats_of(&key);
	if (!stats)
		return 0;
	if (!error)
		stats->bytes += bytes;
	/* A request may complete in parts. */
	if (bytes < request->__data_len)
		return 0;
	stats->requests += 1;
	now = bpf_ktime_get_ns();
	observe_latency(stats, request->start_time_ns, now);
	if (blockio_split)
		observe_split(stats, request->start_time_ns, request->io_start_time_ns, now);
	return 0;
}

static __always_inline void start_bio(struct bio *bio, const unsigned long long *ctx, int index)
{
	struct gendisk *disk = bio_disk(bio);

	if (disk && !disk->queue->mq_ops) {
		blockio_stacked = true;
		in_flight_begin(&blockio_start, argument(ctx, index), bio, disk);
	} else if (blockio_passed_on) {
		in_flight_forget(&blockio_start, argument(ctx, index));
	}
}

/* 5.11, e8a676d61c07 ("block: simplify and extended the block_bio_merge tracepoint class"). */
SEC("tp_btf/block_bio_queue")
int BPF_PROG(blockio_bio_queue__with_queue, struct request_queue *queue, struct bio *bio)
{
	start_bio(bio, ctx, 1);
	return 0;
}
NEEDS(blockio_bio_queue__with_queue, "args block_bio_queue 2");

SEC("tp_btf/block_bio_queue")
int BPF_PROG(blockio_bio_queue__plain, struct bio *bio)
{
	start_bio(bio, ctx, 0);
	return 0;
}

__noinline u64 blockio_pass_on(u64 address, u64 sector)
{
	if (in_flight_pass_on(&blockio_start, address, sector))
		blockio_passed_on = true;
	return 0;
}

/* Before 5.11, as above. */
SEC("tp_btf/block_bio_remap")
int BPF_PROG(blockio_bio_remap__with_queue, struct request_queue *queue, struct bio *bio,
	     unsigned int device, u64 sector)
{
	return blockio_stacked ? blockio_pass_on(argument(ctx, 1), sector) : 0;
}
NEEDS(blockio_bio_remap__with_queue, "args block_bio_remap 4");

SEC("tp_btf/block_bio_remap")
int BPF_PROG(blockio_bio_remap__plain, struct bio *bio, unsigned int device, u64 sector)
{
	return blockio_stacked ? blockio_pass_on(argument(ctx, 0), sector) : 0;
}

/*
 * Fires only for bios that did not end inside a request, so nothing is counted twice. On a
 * request-based disk such a bio never became a request: its error alone counts. NVMe multipath
 * tells it for requests as well, of a bio that belongs to another queue by then. Pages that zram,
 * brd and pmem move by block_device_operations.rw_page, which went in 6.3, have no bio to see.
 */
SEC("tp_btf/block_bio_complete")
int BPF_PROG(blockio_bio_complete, struct request_queue *queue, struct bio *bio)
{
	struct gendisk *disk = bio_disk(bio);
	u32 operation = bio->bi_opf & REQ_OP_MASK, bytes = bio->bi_iter.bi_size, number;
	u32 status = bio->bi_status;
	u64 address = argument(ctx, 1);
	/*
	 * Before the many ways through the status: at each pointer that the verifier of 6.18 sees
	 * loaded from a kernel structure it searches the kernel's BTF, which takes milliseconds.
	 */
	bool request_based = queue->mq_ops;
	struct blockio_key key;

	if (!disk || disk->queue != queue)
		return 0;
	number = disk_number(disk);
	key.major = disk->major;
	key.minor = disk->first_minor;
	if (status)
		status = status_of_block(status);
	if (!request_based) {
		if (!blockio_end_bio(address, operation, status, bytes, number))
			blockio_count_bio(number, operation, status, bytes, 0);
		return 0;
	}
	if (blockio_passed_on)
		blockio_end_bio(address, operation, status, bytes, 0);
	key.operation = bio_operation(operation, bytes);
	if (status && !disk_is_hidden(disk))
		count_error(&key, status);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

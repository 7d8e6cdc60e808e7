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

/*
 * Bios of bio-based disks, which have no request that keeps the time. What a stacked disk passes on
 * whole completes below and leaves its entry behind.
 */
struct in_flight_map blockio_start SEC(".maps");

LOST_MAP(blockio, BLOCKIO_LOST_NO_ISSUE_TIMESTAMP);

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

/* The error is an errno (negative) on 5.10 and a block status (positive) from 6.1 on. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(blockio_rq_complete, struct request *request, int error, unsigned int bytes)
{
	struct gendisk *disk = request_disk(request);
	u32 operation = request->cmd_flags & REQ_OP_MASK;
	struct blockio_stats *stats;
	struct blockio_key key;
	u64 now;

	/*
	 * No disk and passthrough: commands to a driver, not I/O. A read or write of 0 bytes: the
	 * second completion of what went through a flush; the flush itself is a request too.
	 */
	if (!disk || operation >= REQ_OP_PASSTHROUGH)
		return 0;
	if (!bytes && !error && operation <= REQ_OP_WRITE)
		return 0;
	key.major = disk->major;
	key.minor = disk->first_minor;
	key.operation = block_operation(operation);
	if (error)
		count_error(&key, error < 0 ? status_of_errno(-error) : status_of_block(error));
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

	if (disk && !disk->queue->mq_ops)
		in_flight_begin(&blockio_start, argument(ctx, index), bio);
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

/*
 * Fires only for bios that did not end inside a request, so nothing is counted twice. On a
 * request-based disk such a bio never became a request: its error alone counts. Pages that zram,
 * brd and pmem move by block_device_operations.rw_page, which went in 6.3, have no bio to see.
 */
SEC("tp_btf/block_bio_complete")
int BPF_PROG(blockio_bio_complete, struct request_queue *queue, struct bio *bio)
{
	struct gendisk *disk = bio_disk(bio);
	u32 status = bio->bi_status;
	/*
	 * Before the many ways through the status: at each pointer that the verifier of 6.18 sees
	 * loaded from a kernel structure it searches the kernel's BTF, which takes milliseconds.
	 */
	bool request_based = queue->mq_ops;
	struct in_flight_bio queued = {.bytes = bio->bi_iter.bi_size};
	struct blockio_stats *stats;
	struct blockio_key key;

	if (!disk)
		return 0;
	if (!request_based)
		queued = in_flight_end(&blockio_start, argument(ctx, 1), bio);
	key.major = disk->major;
	key.minor = disk->first_minor;
	key.operation = bio_operation(bio->bi_opf & REQ_OP_MASK, queued.bytes);
	if (status)
		count_error(&key, status_of_block(status));
	if (request_based)
		return 0;
	stats = stats_of(&key);
	if (!stats)
		return 0;
	stats->requests += 1;
	if (!status)
		stats->bytes += queued.bytes;
	observe_latency(stats, queued.start, bpf_ktime_get_ns());
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

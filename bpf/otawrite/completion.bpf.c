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

/* As in blockio: what is no I/O, errors by kernel version, requests that complete in parts. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(otawrite_rq_complete, struct request *request, int error, unsigned int bytes)
{
	const struct ota_filter *filter = bound();
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
	const struct ota_filter *filter = bound();
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

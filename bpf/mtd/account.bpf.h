/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* What is counted of a call on a flash device when it has ended. */
#pragma once

#include <linux/errno.h>
#include "../lib/block.bpf.h"
#include "../lib/compat.bpf.h"
#include "../lib/histogram.bpf.h"
#include "../lib/lost.bpf.h"
#include "../lib/maps.bpf.h"
#include "../lib/ota.bpf.h"
#include "../mtd.h"

struct mtd_key {
	u32 index;
	enum ota_role role;
	enum ota_step step;
};

struct mtd_stats {
	u64 bytes; /* data that reached the device, without out-of-band bytes */
	u64 writes;
};

struct mtd_latency_key {
	u32 index;
	enum ota_role role;
};

struct mtd_error_key {
	u32 index;
	enum ota_role role;
	enum block_operation operation;
	enum block_status status;
};

enum mtd_lost_reason {
	MTD_LOST_MAP_FULL,
	MTD_LOST_NO_RETURN, /* of a call whose end was not seen */
};

const volatile struct histogram_buckets mtd_latency_buckets = {
	.kind = HISTOGRAM_ZONES,
	.count = 5,
	.bounds = {100000ULL, 1000000ULL, 10000000ULL, 100000000ULL, 1000000000ULL},
};

/* A call on a bound device, between its begin and its end. */
struct mtd_call {
	u64 mtd;
	u64 offset;
	u64 request; /* struct mtd_oob_ops or erase_info */
	u64 start;   /* ns */
	u32 index;
	enum ota_role role;
	enum ota_step step;
	u32 inner; /* calls that it has made on other devices: those of mtdconcat */
	u64 transaction;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, struct mtd_key);
	__type(value, struct mtd_stats);
} mtd SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 64);
	__type(key, struct mtd_latency_key);
	__type(value, struct histogram);
} mtd_latency SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, struct mtd_error_key);
	__type(value, u64);
} mtd_errors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct mtd_last_error);
} mtd_last_error SEC(".maps");

LOST_MAP(mtd, MTD_LOST_NO_RETURN);

static const struct mtd_stats no_writes;
static const struct histogram no_latency;

static __always_inline void count_write(const struct mtd_call *call, u64 bytes)
{
	struct mtd_key key = {.index = call->index, .role = call->role, .step = call->step};
	struct mtd_stats *stats = lookup_or_insert(&mtd, &key, &no_writes);

	if (stats) {
		stats->bytes += bytes;
		stats->writes += 1;
	} else {
		count_lost(&mtd_lost, MTD_LOST_MAP_FULL);
	}
	if (call->transaction && bytes && !count_transaction(call->transaction, call->step, bytes))
		count_lost(&mtd_lost, MTD_LOST_MAP_FULL);
}

static __always_inline void observe_latency(const struct mtd_call *call)
{
	struct mtd_latency_key key = {.index = call->index, .role = call->role};
	struct histogram *latency = lookup_or_insert(&mtd_latency, &key, &no_latency);
	u64 now = bpf_ktime_get_ns();

	if (!latency)
		count_lost(&mtd_lost, MTD_LOST_MAP_FULL);
	else if (now >= call->start)
		histogram_observe(&mtd_latency_buckets, latency, now - call->start);
}

/* How much of what was asked for was done, before it failed. */
static __always_inline u64 done_of(const struct mtd_call *call, enum block_operation operation)
{
	u64 failed_at;

	if (operation != BLOCK_ERASE)
		return mtd_request_done((void *)call->request);
	failed_at = mtd_erase_failed_at((void *)call->request);
	return failed_at >= call->offset ? failed_at - call->offset : 0;
}

/*
 * A write and an erasure stop where they fail. A read of NAND goes on behind what it could not
 * correct, and does not say where that was: then it is the whole of it that failed.
 */
static __always_inline void note_last_error(const struct mtd_call *call, u32 operation, u32 error,
					    u64 asked, u64 done)
{
	u64 good = done < asked ? done : 0;
	struct mtd_last_error now = {
		.offset = call->offset + good,
		.bytes = asked - good,
		.at_ns = bpf_ktime_get_boot_ns(),
		.count = 1,
		.error = error,
		.operation = operation,
		.role = call->role,
	};
	const struct mtd_last_error *before = bpf_map_lookup_elem(&mtd_last_error, &call->index);

	if (before)
		now.count += before->count;
	/* Replaced as a whole, so that nobody reads half of each. */
	if (bpf_map_update_elem(&mtd_last_error, &call->index, &now, BPF_ANY))
		count_lost(&mtd_lost, MTD_LOST_MAP_FULL);
}

/* What the caller got wrong, and what was corrected, is no error of the device. */
static __always_inline bool is_failure(u32 error)
{
	return error && error != EUCLEAN && error != EINVAL && error != EOPNOTSUPP &&
	       error != EROFS;
}

static __always_inline void count_error(const struct mtd_call *call, u32 operation, u32 error)
{
	struct mtd_error_key key = {
		.index = call->index,
		.role = call->role,
		.operation = operation,
		.status = error == EBADMSG ? BLOCK_STATUS_MEDIUM : status_of_errno(error),
	};
	u64 *errors = lookup_or_insert(&mtd_errors, &key, &no_count);

	if (errors)
		*errors += 1;
	else
		count_lost(&mtd_lost, MTD_LOST_MAP_FULL);
}

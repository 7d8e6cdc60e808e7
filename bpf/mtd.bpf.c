// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * Flash without a block layer: who writes how much to the MTD devices that updates write, how long
 * that takes and what fails, erasing included. UBI and JFFS2 come through the same functions.
 */
#include "lib/types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/block.bpf.h"
#include "lib/compat.bpf.h"
#include "lib/histogram.bpf.h"
#include "lib/kprobe.bpf.h"
#include "lib/lost.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/ota.bpf.h"
#include "mtd.h"

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

/* Written by user space alone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u32);
} mtd_target SEC(".maps");

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

/* By task and operation. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u64);
	__type(value, struct mtd_call);
} mtd_call SEC(".maps");

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

static __always_inline u64 call_key(enum block_operation operation)
{
	return bpf_get_current_pid_tgid() << 8 | operation;
}

/* Flash is written by the task that asks, or by UBI's and file systems' threads for whoever. */
static __always_inline enum ota_step find_writer(u64 *transaction)
{
	u64 owner = task_owner();

	if (owner == OTAWRITE_OWNER_OTHER)
		return OTA_BY_NOBODY;
	if (!owner)
		return OTA_BY_DEVICE;
	*transaction = owner;
	return OTA_BY_TASK;
}

static __always_inline void begin(enum block_operation operation, u64 mtd, u64 offset, u64 request)
{
	struct mtd_call call = {.mtd = mtd, .offset = offset, .request = request};
	u64 key = call_key(operation);
	struct mtd_call *outer = bpf_map_lookup_elem(&mtd_call, &key);
	u32 *role;

	if (outer && outer->mtd != mtd) {
		outer->inner += 1;
		return;
	}
	/* No device calls itself: the end of the call before was not seen. */
	if (outer) {
		count_lost(&mtd_lost, MTD_LOST_NO_RETURN);
		bpf_map_delete_elem(&mtd_call, &key);
	}
	call.index = mtd_index((void *)mtd);
	role = bpf_map_lookup_elem(&mtd_target, &call.index);
	if (!role)
		return;
	call.role = *role;
	if (operation == BLOCK_WRITE)
		call.step = find_writer(&call.transaction);
	call.start = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&mtd_call, &key, &call, BPF_ANY))
		count_lost(&mtd_lost, MTD_LOST_MAP_FULL);
}

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

static __always_inline void end(enum block_operation operation, int result)
{
	u64 key = call_key(operation), asked, done;
	bool erases = operation == BLOCK_ERASE;
	struct mtd_call *found = bpf_map_lookup_elem(&mtd_call, &key), call;
	u32 error = result < 0 ? -result : 0;

	if (!found)
		return;
	if (found->inner) {
		found->inner -= 1;
		return;
	}
	call = *found;
	bpf_map_delete_elem(&mtd_call, &key);
	asked = erases ? mtd_erase_length((void *)call.request)
		       : mtd_request_length((void *)call.request);
	done = done_of(&call, operation);
	if (operation == BLOCK_WRITE) {
		count_write(&call, done);
		observe_latency(&call);
	}
	if (is_failure(error)) {
		count_error(&call, operation, error);
		note_last_error(&call, operation, error, asked, done);
	}
}

SEC("fentry/mtd_write_oob")
int BPF_PROG(mtd_write_begin__fentry, void *mtd, long long to, void *request)
{
	begin(BLOCK_WRITE, (u64)mtd, to, (u64)request);
	return 0;
}

SEC("kprobe/mtd_write_oob")
int mtd_write_begin__kprobe(PROBE_REGISTERS *context)
{
	begin(BLOCK_WRITE, PROBE_ARGUMENT1(context), PROBE_ARGUMENT2(context),
	      PROBE_ARGUMENT3(context));
	return 0;
}

SEC("fexit/mtd_write_oob")
int BPF_PROG(mtd_write_end__fexit, void *mtd, long long to, void *request, int result)
{
	end(BLOCK_WRITE, result);
	return 0;
}

SEC("kretprobe/mtd_write_oob")
int mtd_write_end__kretprobe(PROBE_REGISTERS *context)
{
	end(BLOCK_WRITE, PROBE_RESULT(context));
	return 0;
}

SEC("fentry/mtd_read_oob")
int BPF_PROG(mtd_read_begin__fentry, void *mtd, long long from, void *request)
{
	begin(BLOCK_READ, (u64)mtd, from, (u64)request);
	return 0;
}

SEC("kprobe/mtd_read_oob")
int mtd_read_begin__kprobe(PROBE_REGISTERS *context)
{
	begin(BLOCK_READ, PROBE_ARGUMENT1(context), PROBE_ARGUMENT2(context),
	      PROBE_ARGUMENT3(context));
	return 0;
}

SEC("fexit/mtd_read_oob")
int BPF_PROG(mtd_read_end__fexit, void *mtd, long long from, void *request, int result)
{
	end(BLOCK_READ, result);
	return 0;
}

SEC("kretprobe/mtd_read_oob")
int mtd_read_end__kretprobe(PROBE_REGISTERS *context)
{
	end(BLOCK_READ, PROBE_RESULT(context));
	return 0;
}

static __always_inline void begin_erase(u64 mtd, u64 request)
{
	begin(BLOCK_ERASE, mtd, mtd_erase_offset((void *)request), request);
}

SEC("fentry/mtd_erase")
int BPF_PROG(mtd_erase_begin__fentry, void *mtd, void *request)
{
	begin_erase((u64)mtd, (u64)request);
	return 0;
}

SEC("kprobe/mtd_erase")
int mtd_erase_begin__kprobe(PROBE_REGISTERS *context)
{
	begin_erase(PROBE_ARGUMENT1(context), PROBE_ARGUMENT2(context));
	return 0;
}

SEC("fexit/mtd_erase")
int BPF_PROG(mtd_erase_end__fexit, void *mtd, void *request, int result)
{
	end(BLOCK_ERASE, result);
	return 0;
}

SEC("kretprobe/mtd_erase")
int mtd_erase_end__kretprobe(PROBE_REGISTERS *context)
{
	end(BLOCK_ERASE, PROBE_RESULT(context));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

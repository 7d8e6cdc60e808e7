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
#include "lib/kprobe.bpf.h"
#include "lib/lost.bpf.h"
#include "lib/ota.bpf.h"
#include "mtd/account.bpf.h"

/* Written by user space alone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u32);
} mtd_target SEC(".maps");

/* By task and operation. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u64);
	__type(value, struct mtd_call);
} mtd_call SEC(".maps");

static __always_inline u64 call_key(enum block_operation operation)
{
	return bpf_get_current_pid_tgid() << 8 | operation;
}

/* Flash is written by the task that asks, or by UBI's and file systems' threads for whoever. */
static __always_inline enum ota_step find_writer(u64 *transaction)
{
	u64 owner = task_owner();

	if (owner == OTA_OWNER_OTHER)
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

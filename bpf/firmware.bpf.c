// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Firmware that drivers ask the kernel for, by how that ended. */
#include "lib/types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <linux/errno.h>
#include "lib/kprobe.bpf.h"
#include "lib/lost.bpf.h"
#include "lib/maps.bpf.h"

struct firmware_key {
	u32 error; /* errno, 0 when it was loaded */
};

enum firmware_lost_reason {
	FIRMWARE_LOST_MAP_FULL,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 64);
	__type(key, struct firmware_key);
	__type(value, u64);
} firmware SEC(".maps");

LOST_MAP(firmware, FIRMWARE_LOST_MAP_FULL);

static const u64 no_loads;

static __always_inline void count_load(int result)
{
	struct firmware_key key = {.error = result < 0 ? -result : 0};
	u64 *loads = lookup_or_insert(&firmware, &key, &no_loads);

	if (loads)
		*loads += 1;
	else
		count_lost(&firmware_lost, FIRMWARE_LOST_MAP_FULL);
}

/*
 * All requests come through this one. Its seven arguments are more than the six of an x86
 * trampoline before 6.6, 473e3150e30a ("bpf, x86: allow function arguments up to 12 for TRACING").
 */
SEC("fexit/_request_firmware")
int BPF_PROG(firmware_request__fexit, void *firmware, void *name, void *device, void *buffer,
	     unsigned long size, unsigned long offset, unsigned int flags, int result)
{
	count_load(result);
	return 0;
}

SEC("kretprobe/_request_firmware")
int firmware_request__kretprobe(PROBE_REGISTERS *context)
{
	count_load(PROBE_RESULT(context));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

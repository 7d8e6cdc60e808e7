/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * Events that a probe could not account for, by reason: map NAME_lost with the enum
 * NAME_lost_reason as key. User space exports every such map by itself.
 */
#pragma once

#include "types.bpf.h"
#include <bpf/bpf_helpers.h>

#define LOST_MAP(probe, last_reason)                                                               \
	struct probe##_lost_map {                                                                  \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                           \
		__uint(max_entries, (last_reason) + 1);                                            \
		__type(key, enum probe##_lost_reason);                                             \
		__type(value, u64);                                                                \
	} probe##_lost SEC(".maps")

static __always_inline void count_lost(void *map, u32 reason)
{
	u64 *count = bpf_map_lookup_elem(map, &reason);

	if (count)
		*count += 1;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * Bucketing in the kernel. The configuration lies in frozen .rodata, so the verifier knows it and
 * drops the kinds that are not in use.
 */
#pragma once

#include "types.bpf.h"
#include <bpf/bpf_helpers.h>
#include "../histogram.h"

/* 1 when value > limit, without a branch; for values below 2^63. */
static __always_inline u64 exceeds(u64 value, u64 limit)
{
	u64 difference = limit - value;

	/* Keeps clang from seeing a comparison in it, for which BPF has only branches. */
	barrier_var(difference);
	return difference >> 63;
}

/*
 * Position of the highest set bit, counted from 1; 0 for 0. BPF has no count of leading zeros. No
 * branches: latencies vary, so the CPU would guess them wrong, and the verifier would follow each.
 */
static __always_inline u32 bit_length(u64 value)
{
	u64 length = 0, step;

	/* More than any latency: 2^63 ns are 292 years. */
	value &= ~0ULL >> 1;
	step = exceeds(value, 0xffffffff) << 5;
	value >>= step;
	length += step;
	step = exceeds(value, 0xffff) << 4;
	value >>= step;
	length += step;
	step = exceeds(value, 0xff) << 3;
	value >>= step;
	length += step;
	step = exceeds(value, 0xf) << 2;
	value >>= step;
	length += step;
	step = exceeds(value, 3) << 1;
	value >>= step;
	length += step;
	/* What is left is 0 to 3, and so is the rest of the length but for 3. */
	return length + value - exceeds(value, 2);
}

/*
 * ceil(log2(value / from)) without an error at the edges: the bit length of (value - 1) / from
 * is 0 up to `from`, 1 up to 2 * from, and so on, for any `from`.
 */
static __always_inline u32 exponential_slot(const volatile struct histogram_buckets *buckets,
					    u64 value)
{
	u32 doublings = value ? bit_length((value - 1) / buckets->from) : 0;
	u64 shift = buckets->shift;

	return shift == 1 ? doublings : (doublings + shift - 1) / shift;
}

static __always_inline u64 linear_slot(const volatile struct histogram_buckets *buckets, u64 value)
{
	u64 from = buckets->from;

	return value <= from ? 0 : (value - from - 1) / buckets->width + 1;
}

static __always_inline u32 zone_slot(const volatile struct histogram_buckets *buckets, u32 count,
				     u64 value)
{
	u32 slot;

	for (slot = 0; slot < HISTOGRAM_BOUNDS; slot++)
		if (slot >= count || value <= buckets->bounds[slot])
			break;
	return slot;
}

/* Each field is loaded once: the verifier knows what it is, but the load stays. */
static __always_inline void histogram_observe(const volatile struct histogram_buckets *buckets,
					      struct histogram *histogram, u64 value)
{
	u32 kind = buckets->kind, count = buckets->count;
	u64 slot = 0;

	if (kind == HISTOGRAM_EXPONENTIAL)
		slot = exponential_slot(buckets, value);
	else if (kind == HISTOGRAM_LINEAR)
		slot = linear_slot(buckets, value);
	else if (kind == HISTOGRAM_ZONES)
		slot = zone_slot(buckets, count, value);
	if (slot > count)
		slot = count;
	/* The verifier of 5.10 needs to see the bound on the register it indexes with. */
	if (slot < HISTOGRAM_SLOTS)
		histogram->slots[slot] += 1;
	histogram->sum += value;
}

/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Bucketing in the kernel. The configuration lies in frozen .rodata, so the verifier knows it and
 * drops the kinds that are not in use.
 */
#pragma once

#include "types.bpf.h"
#include <bpf/bpf_helpers.h>
#include "../histogram.h"

/* Position of the highest set bit, counted from 1; 0 for 0. BPF has no count of leading zeros. */
static __always_inline u32 bit_length(u64 value)
{
	u32 length = 0;

	if (value >> 32) {
		value >>= 32;
		length += 32;
	}
	if (value >> 16) {
		value >>= 16;
		length += 16;
	}
	if (value >> 8) {
		value >>= 8;
		length += 8;
	}
	if (value >> 4) {
		value >>= 4;
		length += 4;
	}
	if (value >> 2) {
		value >>= 2;
		length += 2;
	}
	/* What is left is 0 to 3, and so is the rest of the length but for 3. */
	return length + (value > 2 ? 2 : value);
}

/*
 * ceil(log2(value / from)) without an error at the edges: the bit length of (value - 1) / from
 * is 0 up to `from`, 1 up to 2 * from, and so on, for any `from`.
 */
static __always_inline u32 exponential_slot(const volatile struct histogram_buckets *buckets,
					    u64 value)
{
	u32 doublings = value ? bit_length((value - 1) / buckets->from) : 0;

	if (buckets->shift == 1)
		return doublings;
	return (doublings + buckets->shift - 1) / buckets->shift;
}

static __always_inline u64 linear_slot(const volatile struct histogram_buckets *buckets, u64 value)
{
	if (value <= buckets->from)
		return 0;
	return (value - buckets->from - 1) / buckets->width + 1;
}

static __always_inline u32 zone_slot(const volatile struct histogram_buckets *buckets, u64 value)
{
	u32 slot;

	for (slot = 0; slot < HISTOGRAM_BOUNDS; slot++)
		if (slot >= buckets->count || value <= buckets->bounds[slot])
			break;
	return slot;
}

static __always_inline void histogram_observe(const volatile struct histogram_buckets *buckets,
					      struct histogram *histogram, u64 value)
{
	u64 slot = 0;

	if (buckets->kind == HISTOGRAM_EXPONENTIAL)
		slot = exponential_slot(buckets, value);
	else if (buckets->kind == HISTOGRAM_LINEAR)
		slot = linear_slot(buckets, value);
	else if (buckets->kind == HISTOGRAM_ZONES)
		slot = zone_slot(buckets, value);
	if (slot > buckets->count)
		slot = buckets->count;
	/* The verifier of 5.10 needs to see the bound on the register it indexes with. */
	if (slot < HISTOGRAM_SLOTS)
		histogram->slots[slot] += 1;
	histogram->sum += value;
}

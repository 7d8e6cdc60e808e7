/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
#pragma once

#include <linux/types.h>

/* Slots of every histogram: at most HISTOGRAM_BOUNDS upper bounds and one slot beyond the last. */
#define HISTOGRAM_SLOTS	 32
#define HISTOGRAM_BOUNDS (HISTOGRAM_SLOTS - 1)

enum histogram_kind {
	HISTOGRAM_NONE,	       /* slot 0 counts everything: a summary */
	HISTOGRAM_ZONES,       /* slot i: bounds[i - 1] < v <= bounds[i] */
	HISTOGRAM_LINEAR,      /* upper bound of slot i: from + i * width */
	HISTOGRAM_EXPONENTIAL, /* upper bound of slot i: from * 2^(i * shift) */
};

/*
 * How one histogram is bucketed; user space writes it into .rodata before the object is loaded.
 * Upper bounds are inclusive and in the unit of the observed value. Slot `count` takes what is
 * beyond the last bound. User space guarantees: count <= HISTOGRAM_BOUNDS, from and width >= 1,
 * shift >= 1, bounds ascending.
 */
struct histogram_buckets {
	__u32 kind; /* enum histogram_kind */
	__u32 count;
	__u64 from;
	__u64 width;
	__u64 shift;
	__u64 bounds[HISTOGRAM_BOUNDS];
};

struct histogram {
	__u64 sum;
	__u64 slots[HISTOGRAM_SLOTS];
};

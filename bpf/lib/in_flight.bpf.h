/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Since when an object is under way, by its address (as a number, see argument.bpf.h), for objects
 * whose end is hooked too. A small
 * associative table in an array: a third of the cost of an LRU hash, which it resembles in that
 * new objects push out the oldest, so entries whose end was never seen do no lasting harm. CPUs
 * do not lock each other out: in the worst case an entry is lost, which in_flight_end() reports.
 */
#pragma once

#include "types.bpf.h"
#include <bpf/bpf_helpers.h>

#define IN_FLIGHT_WAYS	      4
#define IN_FLIGHT_BUCKET_BITS 10

struct in_flight {
	struct {
		u64 object; /* 0: free */
		u64 start;  /* ns */
	} ways[IN_FLIGHT_WAYS];
};

#define IN_FLIGHT_MAP(name)                                                                        \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, 1 << IN_FLIGHT_BUCKET_BITS);                                   \
		__type(key, u32);                                                                  \
		__type(value, struct in_flight);                                                   \
	} name SEC(".maps")

static __always_inline struct in_flight *in_flight_bucket(void *map, u64 object)
{
	/* Fibonacci hashing: multiplied by 2^64 / golden ratio, the upper bits are well mixed. */
	u64 hash = object * 0x9e3779b97f4a7c15ULL;
	u32 bucket = hash >> (64 - IN_FLIGHT_BUCKET_BITS);

	return bpf_map_lookup_elem(map, &bucket);
}

static __always_inline void in_flight_begin(void *map, u64 object, u64 now)
{
	struct in_flight *bucket = in_flight_bucket(map, object);
	u32 way, oldest = 0;

	if (!bucket)
		return;
#pragma unroll
	for (way = 0; way < IN_FLIGHT_WAYS; way++) {
		if (!bucket->ways[way].object || bucket->ways[way].object == object) {
			bucket->ways[way].start = now;
			bucket->ways[way].object = object;
			return;
		}
		if (bucket->ways[way].start < bucket->ways[oldest % IN_FLIGHT_WAYS].start)
			oldest = way;
	}
	bucket->ways[oldest % IN_FLIGHT_WAYS].start = now;
	bucket->ways[oldest % IN_FLIGHT_WAYS].object = object;
}

/* The object's start, which is taken out; 0 when it was not seen or was pushed out. */
static __always_inline u64 in_flight_end(void *map, u64 object)
{
	struct in_flight *bucket = in_flight_bucket(map, object);
	u32 way;

	if (!bucket)
		return 0;
#pragma unroll
	for (way = 0; way < IN_FLIGHT_WAYS; way++) {
		if (bucket->ways[way].object == object) {
			bucket->ways[way].object = 0;
			return bucket->ways[way].start;
		}
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * What a bio of a bio-based disk was when it was queued, by its address (as a number, see
 * argument.bpf.h): device-mapper moves the bio on over each part that it splits off, so at the end
 * it tells of the last part only. A small associative table in an array: a third of the cost of an
 * LRU hash, which it resembles in that new bios push out the oldest, so entries whose end was never
 * seen do no lasting harm. CPUs do not lock each other out: in the worst case an entry is lost,
 * which in_flight_end() reports.
 */
#pragma once

#include "types.bpf.h"
#include <bpf/bpf_helpers.h>

#define IN_FLIGHT_WAYS	      4
#define IN_FLIGHT_BUCKET_BITS 10

struct in_flight_bio {
	u64 bio;   /* 0: free */
	u64 start; /* ns; 0: not seen, or pushed out */
	u64 sector;
	u32 bytes;
	u32 reserved;
};

struct in_flight {
	struct in_flight_bio ways[IN_FLIGHT_WAYS];
};

struct in_flight_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << IN_FLIGHT_BUCKET_BITS);
	__type(key, u32);
	__type(value, struct in_flight);
};

static __always_inline struct in_flight *in_flight_bucket(void *map, u64 bio)
{
	/* Fibonacci hashing: multiplied by 2^64 / golden ratio, the upper bits are well mixed. */
	u64 hash = bio * 0x9e3779b97f4a7c15ULL;
	u32 bucket = hash >> (64 - IN_FLIGHT_BUCKET_BITS);

	return bpf_map_lookup_elem(map, &bucket);
}

static __always_inline void in_flight_begin(void *map, u64 address, struct bio *bio)
{
	struct in_flight *bucket = in_flight_bucket(map, address);
	struct in_flight_bio queued = {
		.bio = address,
		.start = bpf_ktime_get_ns(),
		.sector = bio->bi_iter.bi_sector,
		.bytes = bio->bi_iter.bi_size,
	};
	u32 way, oldest = 0;

	if (!bucket)
		return;
#pragma unroll
	for (way = 0; way < IN_FLIGHT_WAYS; way++) {
		if (!bucket->ways[way].bio || bucket->ways[way].bio == address) {
			bucket->ways[way] = queued;
			return;
		}
		if (bucket->ways[way].start < bucket->ways[oldest % IN_FLIGHT_WAYS].start)
			oldest = way;
	}
	bucket->ways[oldest % IN_FLIGHT_WAYS] = queued;
}

/* Splitting moves where a bio begins, not where it ends. */
static __always_inline u64 in_flight_last_sector(const struct in_flight_bio *bio)
{
	return bio->sector + (bio->bytes >> 9);
}

/*
 * What it was is taken out; if that is not there any more, or two CPUs wrote into it at once, what
 * it is now, with 0 as its start.
 */
static __always_inline struct in_flight_bio in_flight_end(void *map, u64 address, struct bio *bio)
{
	struct in_flight *bucket = in_flight_bucket(map, address);
	struct in_flight_bio queued, now = {
					     .sector = bio->bi_iter.bi_sector,
					     .bytes = bio->bi_iter.bi_size,
				     };
	u32 way;

	if (!bucket)
		return now;
#pragma unroll
	for (way = 0; way < IN_FLIGHT_WAYS; way++) {
		if (bucket->ways[way].bio == address) {
			queued = bucket->ways[way];
			bucket->ways[way].bio = 0;
			return in_flight_last_sector(&queued) == in_flight_last_sector(&now)
				       ? queued
				       : now;
		}
	}
	return now;
}

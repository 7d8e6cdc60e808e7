/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * Bios of bio-based disks, by address (as a number, see argument.bpf.h). Until a bio ends its
 * driver does with it what it likes:
 *
 * - device-mapper moves it on over each part that it splits off; the parts are clones.
 * - bio_split() moves it on too. The parts end for themselves, with events of their own from 5.11
 *   or later on.
 * - md (raid0 before 5.14, linear) and NVMe multipath pass the bio itself on to another disk: no
 *   second event tells that it is queued there, and it ends inside a request of that disk. One that
 *   was passed on to a second bio-based disk has an entry for each.
 *
 * A small associative table in an array: a third of the cost of an LRU hash, which it resembles in
 * that new bios push out the oldest, so entries whose end was never seen do no lasting harm. CPUs
 * do not lock each other out: in the worst case an entry is lost.
 */
#pragma once

#include "types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "block.bpf.h"
#include "compat.bpf.h"

#define IN_FLIGHT_WAYS	      4
#define IN_FLIGHT_BUCKET_BITS 10

struct in_flight_bio {
	u64 bio;   /* 0: free */
	u64 start; /* ns; 0: not seen, or pushed out */
	u64 sector;
	u32 bytes;
	u32 device;	 /* number of the disk that it was for, as in dev_t */
	u32 told;	 /* bytes already counted by parts that have ended */
	u16 passed_on;	 /* to another disk */
	u16 part_failed; /* a part of it has failed, which is counted already */
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

/* As a dev_t. */
static __always_inline u32 disk_number(const struct gendisk *disk)
{
	return (u32)disk->major << 20 | (u32)disk->first_minor;
}

static __always_inline u32 in_flight_major(u32 device)
{
	return device >> 20;
}

static __always_inline u32 in_flight_minor(u32 device)
{
	return device & ((1 << 20) - 1);
}

static __always_inline struct in_flight *in_flight_bucket(void *map, u64 bio)
{
	/* Fibonacci hashing: multiplied by 2^64 / golden ratio, the upper bits are well mixed. */
	u64 hash = bio * 0x9e3779b97f4a7c15ULL;
	u32 bucket = hash >> (64 - IN_FLIGHT_BUCKET_BITS);

	return bpf_map_lookup_elem(map, &bucket);
}

/* Free, or the oldest. */
static __always_inline void in_flight_insert(struct in_flight *bucket,
					     const struct in_flight_bio *queued)
{
	u32 way, oldest = 0;

#pragma unroll
	for (way = 0; way < IN_FLIGHT_WAYS; way++) {
		if (!bucket->ways[way].bio) {
			bucket->ways[way] = *queued;
			return;
		}
		if (bucket->ways[way].start < bucket->ways[oldest % IN_FLIGHT_WAYS].start)
			oldest = way;
	}
	bucket->ways[oldest % IN_FLIGHT_WAYS] = *queued;
}

/* Of a bio that had this address before. */
static __always_inline struct in_flight *in_flight_forget(void *map, u64 address)
{
	struct in_flight *bucket = in_flight_bucket(map, address);
	u32 way;

	if (!bucket)
		return NULL;
#pragma unroll
	for (way = 0; way < IN_FLIGHT_WAYS; way++)
		if (bucket->ways[way].bio == address)
			bucket->ways[way].bio = 0;
	return bucket;
}

/* A new bio, on a bio-based disk. */
static __always_inline void in_flight_begin(void *map, u64 address, struct bio *bio,
					    const struct gendisk *disk)
{
	struct in_flight *bucket = in_flight_forget(map, address);
	struct in_flight_bio queued = {
		.bio = address,
		.start = bpf_ktime_get_ns(),
		.sector = bio->bi_iter.bi_sector,
		.bytes = bio->bi_iter.bi_size,
		.device = disk_number(disk),
	};

	if (bucket)
		in_flight_insert(bucket, &queued);
}

static __always_inline bool in_flight_has(void *map, u64 address)
{
	struct in_flight *bucket = in_flight_bucket(map, address);
	u32 way;

	if (!bucket || !address)
		return false;
#pragma unroll
	for (way = 0; way < IN_FLIGHT_WAYS; way++)
		if (bucket->ways[way].bio == address)
			return true;
	return false;
}

/* Whether parts of the bio are still on their way, or all but the last one. */
static __always_inline bool in_flight_has_parts(u64 address)
{
	return BPF_CORE_READ((struct bio *)address, __bi_remaining.counter) > 1;
}

/*
 * The bio in the table that this one was split off, or 0: bio_chain() leaves its address in
 * bi_private. It may have been split twice, and md of 5.10 puts a struct md_io between, which keeps
 * the address as its third word.
 */
static __always_inline u64 in_flight_parent(void *map, u64 address)
{
	u64 parent = (u64)BPF_CORE_READ((struct bio *)address, bi_private), next = 0;

	if (in_flight_has(map, parent))
		return parent;
	bpf_probe_read_kernel(&next, sizeof(next), (void *)(parent + 2 * sizeof(u64)));
	if (in_flight_has(map, next))
		return next;
	next = (u64)BPF_CORE_READ((struct bio *)parent, bi_private);
	return in_flight_has(map, next) ? next : 0;
}

/* The bytes that were not split off have moved on with the bio. */
static __always_inline void in_flight_move_on(struct in_flight_bio *queued, u32 bytes)
{
	if (bytes <= queued->bytes)
		queued->sector += (queued->bytes - bytes) >> 9;
	queued->bytes = bytes;
	queued->told = 0;
	queued->passed_on = true;
}

/*
 * A driver sends a bio to another disk, as it is: for the disks that it was for so far it will end
 * there, and a bio-based one becomes another of those. Clones are bios of their own, which are
 * queued for themselves. `sector`: where it began above. False: not known.
 */
static __always_inline bool in_flight_pass_on(void *map, u64 address, u64 sector)
{
	struct in_flight *bucket = in_flight_bucket(map, address), *above;
	struct bio *bio = (void *)address;
	u32 bytes = BPF_CORE_READ(bio, bi_iter.bi_size), way;
	struct in_flight_bio part = {};
	struct gendisk *disk;
	bool known = false, there = false;
	u64 parent;

	if (!bucket)
		return false;
	disk = bio_disk_at(address);
	part.device = (u32)BPF_CORE_READ(disk, major) << 20 | BPF_CORE_READ(disk, first_minor);
	for (way = 0; way < IN_FLIGHT_WAYS; way++) {
		struct in_flight_bio *queued = &bucket->ways[way];

		if (queued->bio != address)
			continue;
		known = true;
		if (queued->device == part.device)
			there = true;
		else
			in_flight_move_on(queued, bytes);
	}
	if (!known) {
		parent = in_flight_parent(map, address);
		above = parent ? in_flight_bucket(map, parent) : NULL;
		if (!above || !in_flight_has_parts(parent))
			return false;
		for (way = 0; way < IN_FLIGHT_WAYS; way++) {
			struct in_flight_bio split = above->ways[way];

			if (split.bio != parent)
				continue;
			split.bio = address;
			in_flight_move_on(&split, bytes);
			split.sector = sector;
			in_flight_insert(bucket, &split);
		}
	}
	if (there || BPF_CORE_READ(disk, queue, mq_ops))
		return true;
	part.bio = address;
	part.start = bpf_ktime_get_ns();
	part.sector = BPF_CORE_READ(bio, bi_iter.bi_sector);
	part.bytes = bytes;
	in_flight_insert(bucket, &part);
	return true;
}

/* The end of a bio, or of a part of one. */
struct in_flight_end {
	u64 address;
	u64 parent; /* that is in the table; 0: it is itself */
	u32 bytes;  /* of it that have ended */
	u32 device; /* that it ended on */
	bool whole;
	bool failed;
	/* Of a disk that it was passed on to. Its parts end in others, in any order. */
	bool in_request;
};

/* When the bio was queued, for those who have no use for parts; 0: not known. */
static __always_inline u64 in_flight_started(void *map, u64 address)
{
	struct in_flight *bucket = in_flight_bucket(map, address);
	u32 way;

	if (!bucket)
		return 0;
#pragma unroll
	for (way = 0; way < IN_FLIGHT_WAYS; way++) {
		if (bucket->ways[way].bio == address) {
			bucket->ways[way].bio = 0;
			return bucket->ways[way].start;
		}
	}
	return 0;
}

/* The entries of the bio that has ended, for in_flight_take(). NULL: there are none. */
static __always_inline struct in_flight *in_flight_find(void *map, struct in_flight_end *end)
{
	if (!in_flight_has(map, end->address)) {
		end->parent = in_flight_parent(map, end->address);
		if (!end->parent)
			return NULL;
	}
	return in_flight_bucket(map, end->parent ? end->parent : end->address);
}

/* A part that has ended; the rest of the bio ends after it, or has in a request. */
static __always_inline bool in_flight_take_part(struct in_flight_bio *queued,
						const struct in_flight_end *end,
						struct in_flight_bio *taken)
{
	/* A variable: BPF_CORE_READ() would take the access to `end` for one more to relocate. */
	struct bio *bio = (void *)end->address;

	if (!queued->passed_on && (end->in_request || queued->device != end->device))
		return false;
	taken->bytes = end->bytes;
	taken->sector = BPF_CORE_READ(bio, bi_iter.bi_sector);
	taken->part_failed = false;
	if (!end->in_request) {
		__sync_fetch_and_add(&queued->told, end->bytes);
		if (end->failed)
			queued->part_failed = true;
	} else if (end->whole && !in_flight_has_parts(end->parent)) {
		queued->bio = 0;
	}
	return true;
}

/*
 * Splitting moves where a bio begins, not where it ends. If the end differs, two CPUs wrote the
 * entry at once: take the bio as it is now, with an unknown start time (0).
 */
static __always_inline void in_flight_check(struct in_flight_bio *taken,
					    const struct in_flight_end *end)
{
	struct bio *bio = (void *)end->address;
	u64 sector = BPF_CORE_READ(bio, bi_iter.bi_sector);

	if (taken->passed_on || taken->sector + (taken->bytes >> 9) == sector + (end->bytes >> 9))
		return;
	taken->start = 0;
	taken->sector = sector;
	taken->bytes = end->bytes;
	taken->told = 0;
}

/*
 * Checks one way of a bucket. True if the bio in it has ended: then count `taken->bytes` from
 * `taken->sector` on for `taken->device`. If `taken->part_failed`, its error is counted already.
 */
static __always_inline bool in_flight_take(struct in_flight_bio *queued,
					   const struct in_flight_end *end,
					   struct in_flight_bio *taken)
{
	if (queued->bio != (end->parent ? end->parent : end->address))
		return false;
	*taken = *queued;
	if (end->parent)
		return in_flight_take_part(queued, end, taken);
	if (!end->in_request) {
		in_flight_check(taken, end);
		taken->sector += taken->told >> 9;
		taken->bytes -= taken->told;
	} else if (!queued->passed_on) {
		return false;
	} else {
		taken->bytes = end->bytes;
	}
	if (end->whole && !(end->in_request && in_flight_has_parts(end->address)))
		queued->bio = 0;
	return true;
}

/*
 * Counts a bio that has ended for each disk that it was for, and returns how many these are.
 * `device`: the disk that it ended on, or 0 in a request. `count`: is given the operation and the
 * status (0: none) of each.
 */
static __always_inline u64 in_flight_end_bio(void *map, u64 address, u64 operation, u64 status,
					     u64 bytes, u64 device,
					     void (*count)(const struct in_flight_bio *, u64, u64))
{
	struct in_flight_end end = {
		.address = address,
		.bytes = bytes,
		.device = device,
		.in_request = !device,
		.whole = true,
		.failed = status,
	};
	struct in_flight *bucket = in_flight_find(map, &end);
	struct in_flight_bio taken;
	u64 told = 0;
	u32 way;

	if (!bucket)
		return 0;
	for (way = 0; way < IN_FLIGHT_WAYS; way++) {
		if (!in_flight_take(&bucket->ways[way], &end, &taken))
			continue;
		told++;
		count(&taken, operation, taken.part_failed ? 0 : status);
	}
	return told;
}

/*
 * Calls `end` for each bio of a request, from `address` on, whose `bytes` have ended. False: there
 * are more than the verifier lets us see.
 */
static __always_inline bool in_flight_end_bios(u64 address, u64 operation, u64 status, u64 bytes,
					       u64 (*end)(u64, u64, u64, u64, u64))
{
	u32 number, size;

	for (number = 0; number < REQUEST_BIOS && address; number++) {
		struct bio *bio = (void *)address;

		size = BPF_CORE_READ(bio, bi_iter.bi_size);
		if (size > bytes)
			return true;
		end(address, operation, status, size, 0);
		bytes -= size;
		address = (u64)BPF_CORE_READ(bio, bi_next);
	}
	return !address || !bytes;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* What updates wait for, in system calls and in flushes. */
#pragma once

#include "../lib/histogram.bpf.h"
#include "../lib/lost.bpf.h"
#include "../lib/maps.bpf.h"
#include "../ota.h"

enum otasync_role {
	OTASYNC_ROLE_SLOT = OTA_ROLE_SLOT,
	OTASYNC_ROLE_BOOTENV = OTA_ROLE_BOOTENV,
	OTASYNC_ROLE_DATA = OTA_ROLE_DATA,
	OTASYNC_ROLE_OTHER, /* lies elsewhere, or is everything (sync) */
};

enum otasync_operation {
	OTASYNC_FSYNC,
	OTASYNC_FDATASYNC,
	OTASYNC_SYNCFS,
	OTASYNC_SYNC_FILE_RANGE,
	OTASYNC_SYNC,
	OTASYNC_FLUSH, /* of the device's own cache */
	OTASYNC_NONE,
};

struct otasync_key {
	enum otasync_role role;
	enum otasync_operation operation;
};

enum otasync_lost_reason {
	OTASYNC_LOST_MAP_FULL,
	OTASYNC_LOST_NO_TIMESTAMP,
};

extern LOST_MAP(otasync, OTASYNC_LOST_NO_TIMESTAMP);

extern const volatile struct histogram_buckets otasync_latency_buckets;

struct otasync_latency_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 32);
	__type(key, struct otasync_key);
	__type(value, struct histogram);
};
extern struct otasync_latency_map otasync_latency SEC(".maps");

static const struct histogram no_latency;

/* A wait that began at `start` (ns) has ended. */
static __always_inline void observe(const struct otasync_key *key, u64 start)
{
	u64 now = bpf_ktime_get_ns();
	struct histogram *latency = lookup_or_insert(&otasync_latency, key, &no_latency);

	if (!latency)
		count_lost(&otasync_lost, OTASYNC_LOST_MAP_FULL);
	else if (now >= start)
		histogram_observe(&otasync_latency_buckets, latency, now - start);
}

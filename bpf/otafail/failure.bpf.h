/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* How what happens to processes of an update is counted and reported. */
#pragma once

#include "../lib/lost.bpf.h"
#include "../lib/maps.bpf.h"
#include "../otafail.h"

struct otafail_key {
	enum otafail_kind kind;
};

enum otafail_lost_reason {
	OTAFAIL_LOST_MAP_FULL,
	OTAFAIL_LOST_RING_FULL,
};

extern LOST_MAP(otafail, OTAFAIL_LOST_RING_FULL);

struct otafail_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 8);
	__type(key, struct otafail_key);
	__type(value, u64);
};
extern struct otafail_map otafail SEC(".maps");

/* Of a size that is a multiple of any kernel's page. */
struct otafail_events_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
};
extern struct otafail_events_map otafail_events SEC(".maps");

static const u64 nothing;

static __always_inline void count(enum otafail_kind kind)
{
	struct otafail_key key = {.kind = kind};
	u64 *total = lookup_or_insert(&otafail, &key, &nothing);

	if (total)
		*total += 1;
	else
		count_lost(&otafail_lost, OTAFAIL_LOST_MAP_FULL);
}

static __always_inline void report(struct otafail_event *event)
{
	event->at_ns = bpf_ktime_get_boot_ns();
	if (bpf_ringbuf_output(&otafail_events, event, sizeof(*event), 0))
		count_lost(&otafail_lost, OTAFAIL_LOST_RING_FULL);
}

// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Latency (raise to entry) and duration (entry to exit) of softirqs, by vector. */
#include "lib/types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "lib/histogram.bpf.h"

#define MICROSECOND	1000ULL
#define SOFTIRQ_VECTORS 10

/* The numbers of include/linux/interrupt.h; its comment keeps them stable for user space. */
enum softirq_vector {
	SOFTIRQ_HI,
	SOFTIRQ_TIMER,
	SOFTIRQ_NET_TX,
	SOFTIRQ_NET_RX,
	SOFTIRQ_BLOCK,
	SOFTIRQ_IRQ_POLL,
	SOFTIRQ_TASKLET,
	SOFTIRQ_SCHED,
	SOFTIRQ_HRTIMER,
	SOFTIRQ_RCU,
};

struct softirq_stats {
	u64 raised_at;	/* ns; 0: not pending */
	u64 entered_at; /* ns; 0: not running, or its entry was not seen */
	/*
	 * Entries whose raise is not known: it came before the program, or between the kernel's
	 * taking the pending mask and the entry that consumed the raise before it.
	 */
	u64 unseen_raises;
	struct histogram latency;  /* ns */
	struct histogram duration; /* ns */
};

const volatile struct histogram_buckets softirq_latency_buckets = {
	.kind = HISTOGRAM_ZONES,
	.count = 3,
	.bounds = {10 * MICROSECOND, 100 * MICROSECOND, 1000 * MICROSECOND},
};
const volatile struct histogram_buckets softirq_duration_buckets = {
	.kind = HISTOGRAM_ZONES,
	.count = 3,
	.bounds = {10 * MICROSECOND, 100 * MICROSECOND, 1000 * MICROSECOND},
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SOFTIRQ_VECTORS);
	__type(key, enum softirq_vector);
	__type(value, struct softirq_stats);
} softirq SEC(".maps");

SEC("tp_btf/softirq_raise")
int BPF_PROG(softirq_raise, unsigned int vector)
{
	struct softirq_stats *stats = bpf_map_lookup_elem(&softirq, &vector);

	/* The first raise is the one that waits; later ones find the vector pending already. */
	if (stats && !stats->raised_at)
		stats->raised_at = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(softirq_entry, unsigned int vector)
{
	struct softirq_stats *stats = bpf_map_lookup_elem(&softirq, &vector);
	u64 now, raised_at;

	if (!stats)
		return 0;
	now = bpf_ktime_get_ns();
	raised_at = stats->raised_at;
	stats->raised_at = 0;
	stats->entered_at = now;
	if (!raised_at)
		stats->unseen_raises += 1;
	else if (now >= raised_at)
		histogram_observe(&softirq_latency_buckets, &stats->latency, now - raised_at);
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(softirq_exit, unsigned int vector)
{
	struct softirq_stats *stats = bpf_map_lookup_elem(&softirq, &vector);
	u64 now, entered_at;

	if (!stats || !stats->entered_at)
		return 0;
	now = bpf_ktime_get_ns();
	entered_at = stats->entered_at;
	stats->entered_at = 0;
	if (now >= entered_at)
		histogram_observe(&softirq_duration_buckets, &stats->duration, now - entered_at);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

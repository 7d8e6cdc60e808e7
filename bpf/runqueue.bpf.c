// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Time from a task's being put on a run queue to its running, for the host and per cgroup. */
#include "lib/types.bpf.h"
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/compat.bpf.h"
#include "lib/histogram.bpf.h"
#include "lib/lost.bpf.h"
#include "lib/needs.bpf.h"

/* task_struct.on_rq while a queued task moves to another CPU (TASK_ON_RQ_MIGRATING). */
#define ON_RQ_MIGRATING 2

struct runqueue_stats {
	struct histogram latency; /* ns */
	/* Tasks that changed their CPU while they waited: the kernel drops their first wait. */
	u64 queued_migrations;
};

struct runqueue_cgroup_key {
	u64 cgroup; /* cgroup2 id */
};

struct runqueue_cgroup_stats {
	struct histogram latency; /* ns */
};

enum runqueue_lost_reason {
	RUNQUEUE_LOST_START_MAP_FULL,
	RUNQUEUE_LOST_START_NOT_SEEN,
};

const volatile bool runqueue_per_cgroup = false;

const volatile struct histogram_buckets runqueue_latency_buckets = {
	.kind = HISTOGRAM_EXPONENTIAL,
	.count = 24,
	.from = 1000,
	.shift = 1,
};
const volatile struct histogram_buckets runqueue_cgroup_latency_buckets = {
	.kind = HISTOGRAM_EXPONENTIAL,
	.count = 24,
	.from = 1000,
	.shift = 1,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct runqueue_stats);
} runqueue SEC(".maps");

/* Only user space inserts: a cgroup is counted when a rule selects it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, struct runqueue_cgroup_key);
	__type(value, struct runqueue_cgroup_stats);
} runqueue_cgroup SEC(".maps");
MAP_IF(runqueue_cgroup, runqueue_per_cgroup);

/*
 * Where the kernel keeps no enqueue time: since when a task waits, by thread id. An id is safe
 * here because a waiting task cannot exit, and running takes its entry away.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, u64);
} runqueue_start SEC(".maps");

LOST_MAP(runqueue, RUNQUEUE_LOST_START_NOT_SEEN);

static __always_inline void charge(struct task_struct *next, u64 waited)
{
	u32 zero = 0;
	struct runqueue_stats *stats = bpf_map_lookup_elem(&runqueue, &zero);

	if (stats)
		histogram_observe(&runqueue_latency_buckets, &stats->latency, waited);
	if (runqueue_per_cgroup) {
		struct runqueue_cgroup_key key = {.cgroup = next->cgroups->dfl_cgrp->kn->id};
		struct runqueue_cgroup_stats *cgroup = bpf_map_lookup_elem(&runqueue_cgroup, &key);

		if (cgroup)
			histogram_observe(&runqueue_cgroup_latency_buckets, &cgroup->latency,
					  waited);
	}
}

/*
 * At sched_switch the incoming task still has its enqueue time, and the run queue's clock was
 * updated by the scheduler on the way here: both are in the same clock, which costs nothing to
 * read. Without CONFIG_SCHED_INFO there is no such time, without CONFIG_FAIR_GROUP_SCHED no way
 * from a task to its run queue.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(runqueue_switch__sched_info, bool preempt, struct task_struct *prev,
	     struct task_struct *next)
{
	u64 queued_at = next->sched_info.last_queued;
	u64 now;

	if (!queued_at)
		return 0;
	now = next->se.cfs_rq->rq->clock;
	if (now >= queued_at)
		charge(next, now - queued_at);
	return 0;
}
NEEDS(runqueue_switch__sched_info, "field sched_info.last_queued; field sched_entity.cfs_rq");

static __always_inline void start_waiting(struct task_struct *task, u64 flags)
{
	u32 id = task->pid;
	u64 now = bpf_ktime_get_ns();

	/* The idle tasks share the id 0 and never wait. */
	if (id && bpf_map_update_elem(&runqueue_start, &id, &now, flags) == -E2BIG)
		count_lost(&runqueue_lost, RUNQUEUE_LOST_START_MAP_FULL);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(runqueue_switch__wakeup, bool preempt, struct task_struct *prev,
	     struct task_struct *next)
{
	u32 id = next->pid, prev_id = prev->pid;
	u64 *started, start, now;

	/* A wakeup of the task that was running anyway began no wait: replace or forget it. */
	if (preempt || task_is_running(prev))
		start_waiting(prev, BPF_ANY);
	else
		bpf_map_delete_elem(&runqueue_start, &prev_id);
	if (!id)
		return 0;
	started = bpf_map_lookup_elem(&runqueue_start, &id);
	if (!started) {
		count_lost(&runqueue_lost, RUNQUEUE_LOST_START_NOT_SEEN);
		return 0;
	}
	start = *started;
	bpf_map_delete_elem(&runqueue_start, &id);
	now = bpf_ktime_get_ns();
	if (now >= start)
		charge(next, now - start);
	return 0;
}

/* The two wakeup roles exist only beside runqueue_switch__wakeup; one variant for each lack. */
SEC("tp_btf/sched_wakeup")
int BPF_PROG(runqueue_wakeup__no_sched_info, struct task_struct *task)
{
	start_waiting(task, BPF_NOEXIST);
	return 0;
}
NEEDS(runqueue_wakeup__no_sched_info, "!field sched_info.last_queued");

SEC("tp_btf/sched_wakeup")
int BPF_PROG(runqueue_wakeup__no_cfs_rq, struct task_struct *task)
{
	start_waiting(task, BPF_NOEXIST);
	return 0;
}
NEEDS(runqueue_wakeup__no_cfs_rq, "!field sched_entity.cfs_rq");

/* A new task's id may have belonged to another one: whatever is there is not its own. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(runqueue_wakeup_new__no_sched_info, struct task_struct *task)
{
	start_waiting(task, BPF_ANY);
	return 0;
}
NEEDS(runqueue_wakeup_new__no_sched_info, "!field sched_info.last_queued");

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(runqueue_wakeup_new__no_cfs_rq, struct task_struct *task)
{
	start_waiting(task, BPF_ANY);
	return 0;
}
NEEDS(runqueue_wakeup_new__no_cfs_rq, "!field sched_entity.cfs_rq");

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(runqueue_migrate, struct task_struct *task)
{
	u32 zero = 0;
	struct runqueue_stats *stats;

	if (task->on_rq != ON_RQ_MIGRATING)
		return 0;
	stats = bpf_map_lookup_elem(&runqueue, &zero);
	if (stats)
		stats->queued_migrations += 1;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

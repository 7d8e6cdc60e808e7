/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * Victims of the OOM killer, for any probe:
 *
 *	OOM_VICTIMS_MAP(otafail);
 *	OOM_VICTIM_PROGRAMS(otafail, "?tp_btf/mark_victim", choose, OTAFAIL_LOST_MAP_FULL);
 *
 * calls choose(task) for each victim where the kernel passes its task. Before 6.8 it passes only a
 * pid, and who that was is known when it dies: a program at sched_process_exit asks
 * take_oom_mark() for each process that SIGKILL ended, and finds OOM_CHOSEN.
 */
#pragma once

#include "lost.bpf.h"
#include "needs.bpf.h"
#include "types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

enum oom_mark {
	OOM_NO_VICTIM,
	OOM_CHOSEN,   /* only its pid is known: not accounted for yet */
	OOM_REPORTED, /* by choose(), which left the mark */
};

/* A mark that no exit removes stays until newer ones push it out. It does not apply to a later
 * process with the same pid.
 */
struct oom_victim {
	enum oom_mark mark;
	u32 reserved;
	u64 at_ns; /* CLOCK_BOOTTIME */
};

/* By process id. */
#define OOM_VICTIMS_MAP(probe)                                                                     \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_LRU_HASH);                                               \
		__uint(max_entries, 128);                                                          \
		__type(key, u32);                                                                  \
		__type(value, struct oom_victim);                                                  \
	} probe##_victims SEC(".maps")

/* False: the map is full. */
static __always_inline bool leave_oom_mark(void *victims, u32 process, enum oom_mark mark)
{
	struct oom_victim victim = {.mark = mark, .at_ns = bpf_ktime_get_boot_ns()};

	return !bpf_map_update_elem(victims, &process, &victim, BPF_ANY);
}

static __always_inline enum oom_mark take_oom_mark(void *victims, u32 process, u64 start_ns)
{
	const struct oom_victim *kept = bpf_map_lookup_elem(victims, &process);
	enum oom_mark mark;

	if (!kept)
		return OOM_NO_VICTIM;
	mark = kept->at_ns < start_ns ? OOM_NO_VICTIM : kept->mark;
	bpf_map_delete_elem(victims, &process);
	return mark;
}

/*
 * The programs PROBE_victim: 6.8, 72ba14deb40a ("mm: add UID and more to mark_victim"), passes the
 * task. Delete the variant __pid when 6.8 is the oldest kernel, and OOM_CHOSEN with it.
 */
#define OOM_VICTIM_PROGRAMS(probe, section, choose, map_full)                                      \
	SEC(section)                                                                               \
	int BPF_PROG(probe##_victim__task, struct task_struct *task)                               \
	{                                                                                          \
		choose(task);                                                                      \
		return 0;                                                                          \
	}                                                                                          \
	NEEDS(probe##_victim__task, "args mark_victim 2");                                         \
                                                                                                   \
	SEC(section)                                                                               \
	int BPF_PROG(probe##_victim__pid, int pid)                                                 \
	{                                                                                          \
		if (!leave_oom_mark(&probe##_victims, pid, OOM_CHOSEN))                            \
			count_lost(&probe##_lost, map_full);                                       \
		return 0;                                                                          \
	}                                                                                          \
	_Static_assert(true, "")

// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Whose a task is. Linked in for the probes that follow updates; it has no programs of its own. */
#include "types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "compat.bpf.h"
#include "ota.bpf.h"

/* How far up a bound cgroup or process is looked for. */
#define CGROUP_LEVELS  16
#define PROCESS_LEVELS 16

struct ota_filter_map ota_filter SEC(".maps");
struct ota_device_map ota_device SEC(".maps");
struct ota_written_map ota_written SEC(".maps");

/* Cgroup id to transaction. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, u64);
} ota_cgroup SEC(".maps");

/* Process id to transaction. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} ota_process SEC(".maps");

/* How the ids of a cgroup and its ancestors are read; constant wherever it is used. */
enum ancestry {
	ANCESTRY_KEPT_IDS,
	ANCESTRY_POINTERS,
	ANCESTRY_OF_CURRENT, /* by a helper, the cheapest */
};

static __always_inline u64 nearest_transaction(const struct ota_filter *filter,
					       struct cgroup *cgroup, enum ancestry ancestry)
{
	int level = BPF_CORE_READ(cgroup, level), up;

	for (up = 0; up < CGROUP_LEVELS && up <= level; up++) {
		u64 id, *transaction;

		if (ancestry == ANCESTRY_OF_CURRENT)
			id = bpf_get_current_ancestor_cgroup_id(level - up);
		else if (ancestry == ANCESTRY_POINTERS)
			id = cgroup_ancestor_id(cgroup, level - up);
		else
			id = cgroup_kept_ancestor_id(cgroup, level - up);
		if (!(filter->cgroups >> OTA_FILTER_BIT(id) & 1))
			continue;
		transaction = bpf_map_lookup_elem(&ota_cgroup, &id);
		if (transaction)
			return *transaction;
	}
	return 0;
}

/*
 * A function of its own, and so is the next: inlined, the many ways to end would each be followed
 * to the end of the program that asks, more than 5.10 has patience for.
 */
__noinline u64 ota_cgroup_transaction(u64 cgroup, u64 of_current)
{
	const struct ota_filter *filter = find_filter();

	if (!filter || !filter->cgroups)
		return 0;
	if (cgroup_keeps_ancestor_ids((void *)cgroup))
		return nearest_transaction(filter, (void *)cgroup, ANCESTRY_KEPT_IDS);
	if (of_current)
		return nearest_transaction(filter, (void *)cgroup, ANCESTRY_OF_CURRENT);
	return nearest_transaction(filter, (void *)cgroup, ANCESTRY_POINTERS);
}

static __always_inline u64 process_transaction(const struct ota_filter *filter,
					       struct task_struct *task)
{
	u64 *transaction;
	u32 up;

	for (up = 0; up < PROCESS_LEVELS; up++) {
		u32 process = BPF_CORE_READ(task, tgid);

		if (!process)
			return 0;
		if (filter->processes >> OTA_FILTER_BIT(process) & 1) {
			transaction = bpf_map_lookup_elem(&ota_process, &process);
			if (transaction)
				return *transaction;
		}
		task = BPF_CORE_READ(task, real_parent);
	}
	return 0;
}

__noinline u64 ota_task_owner(u64 address, u64 is_current)
{
	const struct ota_filter *filter = find_filter();
	struct task_struct *task = (void *)address;
	u64 transaction = 0;

	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return OTA_OWNER_UNKNOWN;
	if (!filter)
		return OTA_OWNER_OTHER;
	if (filter->cgroups)
		transaction = ota_cgroup_transaction((u64)BPF_CORE_READ(task, cgroups, dfl_cgrp),
						     is_current);
	if (!transaction && filter->processes)
		transaction = process_transaction(filter, task);
	if (transaction)
		return transaction;
	return filter->unnamed ? OTA_OWNER_UNKNOWN : OTA_OWNER_OTHER;
}

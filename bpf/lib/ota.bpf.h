/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What is bound to updates, for every probe that asks whose a device or a task is. The maps are
 * otawrite's, which defines them, and OtaBindings writes them.
 */
#pragma once

#include "compat.bpf.h"
#include "maps.bpf.h"
#include "../otawrite.h"

/* A task is found to be in a bound cgroup when it is less than this many levels below it. */
#define CGROUP_LEVELS 8

struct otawrite_filter_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct otawrite_filter);
};
extern struct otawrite_filter_map otawrite_filter SEC(".maps");

struct otawrite_device_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct otawrite_device);
};
extern struct otawrite_device_map otawrite_device SEC(".maps");

/* Cgroup id to transaction. */
struct otawrite_cgroup_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, u64);
};
extern struct otawrite_cgroup_map otawrite_cgroup SEC(".maps");

struct otawrite_tx_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, struct otawrite_tx_key);
	__type(value, u64);
};
extern struct otawrite_tx_map otawrite_tx SEC(".maps");

static const u64 no_count;

static __always_inline struct otawrite_filter *find_filter(void)
{
	u32 only = 0;

	return bpf_map_lookup_elem(&otawrite_filter, &only);
}

/* NULL while no device is bound. */
static __always_inline struct otawrite_filter *bound(void)
{
	struct otawrite_filter *filter = find_filter();

	return filter && filter->devices ? filter : NULL;
}

static __always_inline bool may_be_bound(const struct otawrite_filter *filter, u32 device)
{
	return filter->devices >> OTAWRITE_FILTER_BIT(device) & 1;
}

static __always_inline const struct otawrite_device *
find_device(const struct otawrite_filter *filter, u32 device)
{
	if (!may_be_bound(filter, device))
		return NULL;
	return bpf_map_lookup_elem(&otawrite_device, &device);
}

static __always_inline u64 bound_transaction(const struct otawrite_filter *filter, u64 cgroup)
{
	u64 *transaction;

	if (!(filter->cgroups >> OTAWRITE_FILTER_BIT(cgroup) & 1))
		return 0;
	transaction = bpf_map_lookup_elem(&otawrite_cgroup, &cgroup);
	return transaction ? *transaction : 0;
}

/* How the ids of a cgroup and its ancestors are read; constant wherever it is used. */
enum ancestry {
	ANCESTRY_KEPT_IDS,
	ANCESTRY_POINTERS,
	ANCESTRY_OF_CURRENT, /* by a helper, the cheapest */
};

/* The transaction that the cgroup or an ancestor of it is bound to, the nearest; 0 for none. */
static __always_inline u64 nearest_transaction(const struct otawrite_filter *filter,
					       struct cgroup *cgroup, enum ancestry ancestry)
{
	int level = BPF_CORE_READ(cgroup, level), up;

	for (up = 0; up < CGROUP_LEVELS && up <= level; up++) {
		u64 id, transaction;

		if (ancestry == ANCESTRY_OF_CURRENT)
			id = bpf_get_current_ancestor_cgroup_id(level - up);
		else if (ancestry == ANCESTRY_POINTERS)
			id = cgroup_ancestor_id(cgroup, level - up);
		else
			id = cgroup_kept_ancestor_id(cgroup, level - up);
		transaction = bound_transaction(filter, id);
		if (transaction)
			return transaction;
	}
	return 0;
}

static __always_inline u64 task_transaction(const struct otawrite_filter *filter,
					    struct task_struct *task)
{
	struct cgroup *cgroup;

	if (!filter->cgroups || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 0;
	cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
	if (cgroup_keeps_ancestor_ids(cgroup))
		return nearest_transaction(filter, cgroup, ANCESTRY_KEPT_IDS);
	return nearest_transaction(filter, cgroup, ANCESTRY_POINTERS);
}

/* Of the current task. Kernel threads work for others, without saying for whom. */
static __always_inline u64 task_owner(const struct otawrite_filter *filter)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cgroup *cgroup;
	u64 transaction;

	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return OTAWRITE_OWNER_UNKNOWN;
	if (!filter->cgroups)
		return OTAWRITE_OWNER_OTHER;
	cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
	if (cgroup_keeps_ancestor_ids(cgroup))
		transaction = nearest_transaction(filter, cgroup, ANCESTRY_KEPT_IDS);
	else
		transaction = nearest_transaction(filter, cgroup, ANCESTRY_OF_CURRENT);
	return transaction ? transaction : OTAWRITE_OWNER_OTHER;
}

/* Bytes written for a transaction. False: the map is full. */
static __always_inline bool count_transaction(u64 transaction, enum ota_step step, u32 bytes)
{
	struct otawrite_tx_key key = {.transaction = transaction, .step = step};
	u64 *total = lookup_or_insert(&otawrite_tx, &key, &no_count);

	if (total)
		*total += bytes;
	return total;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * What is bound to updates, for every probe that asks whose a device or a task is. Defined once, in
 * ota.bpf.c; OtaBindings writes the maps, but for ota_written.
 */
#pragma once

#include "compat.bpf.h"
#include "maps.bpf.h"
#include "../ota.h"

struct ota_filter_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ota_filter);
};
extern struct ota_filter_map ota_filter SEC(".maps");

struct ota_device_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct ota_device);
};
extern struct ota_device_map ota_device SEC(".maps");

struct ota_written_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, struct ota_written_key);
	__type(value, u64);
};
extern struct ota_written_map ota_written SEC(".maps");

static const u64 no_count;

static __always_inline struct ota_filter *find_filter(void)
{
	u32 only = 0;

	return bpf_map_lookup_elem(&ota_filter, &only);
}

/* NULL while no device is bound. */
static __always_inline struct ota_filter *bound(void)
{
	struct ota_filter *filter = find_filter();

	return filter && filter->devices ? filter : NULL;
}

static __always_inline bool may_be_bound(const struct ota_filter *filter, u32 device)
{
	return filter->devices >> OTA_FILTER_BIT(device) & 1;
}

static __always_inline const struct ota_device *find_device(const struct ota_filter *filter,
							    u32 device)
{
	if (!may_be_bound(filter, device))
		return NULL;
	return bpf_map_lookup_elem(&ota_device, &device);
}

/*
 * The transaction that the cgroup or an ancestor of it is bound to, the nearest, or 0. `cgroup` is
 * its address, `of_current` whether it is the current task's.
 */
extern u64 ota_cgroup_transaction(u64 cgroup, u64 of_current);

/*
 * The transaction of a task, by its address: that of its cgroup, or else the one that its process
 * or an ancestor of that is bound to, the nearest, or OTA_OWNER_OTHER. Kernel threads work for
 * others, without saying for whom: OTA_OWNER_UNKNOWN.
 */
extern u64 ota_task_owner(u64 task, u64 is_current);

/* 0 for none. */
static __always_inline u64 task_transaction(struct task_struct *task)
{
	u64 address = 0, owner;

	/* The verifier lets no typed pointer pass as a number. */
	bpf_probe_read_kernel(&address, sizeof(address), &task);
	owner = ota_task_owner(address, 0);
	return owner == OTA_OWNER_OTHER ? 0 : owner;
}

/* Of the current task. */
static __always_inline u64 task_owner(void)
{
	return ota_task_owner(bpf_get_current_task(), 1);
}

/* Bytes written for a transaction. False: the map is full. */
static __always_inline bool count_transaction(u64 transaction, enum ota_step step, u32 bytes)
{
	struct ota_written_key key = {.transaction = transaction, .step = step};
	u64 *total = lookup_or_insert(&ota_written, &key, &no_count);

	if (total)
		*total += bytes;
	return total;
}

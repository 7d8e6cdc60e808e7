/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * Who made a part of a file dirty last, bound devices only. Neighbouring pages follow each other,
 * so each CPU remembers what it found last, for as long as nothing that it followed from has
 * changed: `changes` of the filter moves with every binding and every stamp.
 */
#pragma once

#include "../lib/ota.bpf.h"
#include "page_region.bpf.h"
#include "recent.bpf.h"

struct page_owner {
	u64 owner;
	u32 disk; /* device number */
	u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct page_region);
	__type(value, struct page_owner);
} otawrite_stamp SEC(".maps");

struct recent_stamp {
	u64 changes;
	u64 thread;
	u64 cgroup;
	struct page_region region;
	u32 sequence;
	u32 reserved;
};

struct recent_owner {
	u64 changes;
	struct page_region region;
	struct page_owner owner;
	u32 sequence;
	u32 reserved;
};

struct recent_pages {
	struct recent_stamp stamp;
	struct recent_owner owner;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct recent_pages);
} otawrite_pages SEC(".maps");

static __always_inline struct recent_pages *recent_pages(void)
{
	u32 only = 0;

	return bpf_map_lookup_elem(&otawrite_pages, &only);
}

static __always_inline bool is_same_region(const struct page_region *a, const struct page_region *b)
{
	return a->number == b->number && a->inode == b->inode && a->device == b->device;
}

static __always_inline bool is_recent_stamp(const struct recent_stamp *recent,
					    const struct recent_stamp *now)
{
	u32 begin = recent_read_begin(&recent->sequence);
	bool same = recent->changes == now->changes && recent->thread == now->thread &&
		    recent->cgroup == now->cgroup && is_same_region(&recent->region, &now->region);

	return same && recent_read_end(&recent->sequence, begin);
}

static __always_inline void keep_stamp(struct recent_stamp *recent, const struct recent_stamp *now)
{
	if (!recent_write_begin(&recent->sequence))
		return;
	recent->changes = now->changes;
	recent->thread = now->thread;
	recent->cgroup = now->cgroup;
	recent->region = now->region;
	recent_write_end(&recent->sequence);
}

/* The current task has made a page of the region dirty. False: there is no room for its stamp. */
static __always_inline bool stamp_region(struct ota_filter *filter,
					 const struct page_region *region)
{
	struct recent_pages *recent = recent_pages();
	/* Changes as before the look: those by another CPU since then are not to be missed. */
	struct recent_stamp now = {
		.changes = filter->changes,
		.thread = bpf_get_current_pid_tgid(),
		.cgroup = bpf_get_current_cgroup_id(),
		.region = *region,
	};
	const struct ota_device *device;
	struct page_owner owner = {};
	struct page_owner *stamp;

	if (!recent)
		return false;
	if (is_recent_stamp(&recent->stamp, &now))
		return true;
	device = find_device(filter, region->device);
	if (!device)
		return true;
	owner.owner = task_owner();
	owner.disk = device->disk;
	stamp = bpf_map_lookup_elem(&otawrite_stamp, region);
	if (!stamp || stamp->owner != owner.owner) {
		if (stamp)
			stamp->owner = owner.owner;
		else if (bpf_map_update_elem(&otawrite_stamp, region, &owner, BPF_ANY))
			return false;
		__sync_fetch_and_add(&filter->changes, 1);
	}
	keep_stamp(&recent->stamp, &now);
	return true;
}

static __always_inline bool is_recent_owner(const struct recent_owner *recent, u64 changes,
					    const struct page_region *region,
					    struct page_owner *owner)
{
	u32 begin = recent_read_begin(&recent->sequence);

	if (recent->changes != changes || !is_same_region(&recent->region, region))
		return false;
	*owner = recent->owner;
	return recent_read_end(&recent->sequence, begin);
}

static __always_inline void keep_owner(struct recent_owner *recent, u64 changes,
				       const struct page_region *region,
				       const struct page_owner *owner)
{
	if (!recent_write_begin(&recent->sequence))
		return;
	recent->changes = changes;
	recent->region = *region;
	recent->owner = *owner;
	recent_write_end(&recent->sequence);
}

/* False: no stamp, which is looked for again each time. */
static __always_inline bool find_stamp(const struct ota_filter *filter,
				       const struct page_region *region, struct page_owner *owner)
{
	struct recent_pages *recent = recent_pages();
	u64 changes = filter->changes;
	const struct page_owner *stamp;

	if (!recent)
		return false;
	if (is_recent_owner(&recent->owner, changes, region, owner))
		return true;
	stamp = bpf_map_lookup_elem(&otawrite_stamp, region);
	if (!stamp)
		return false;
	*owner = *stamp;
	keep_owner(&recent->owner, changes, region, owner);
	return true;
}

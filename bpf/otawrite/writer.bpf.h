/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* Who wrote what a bio carries. */
#pragma once

#include "../lib/compat.bpf.h"
#include "../lib/lost.bpf.h"
#include "../lib/ota.bpf.h"
#include "page_region.bpf.h"
#include "stamp.bpf.h"
#include "target.bpf.h"

/* On cgroup v1 the ids are another hierarchy's. */
static __always_inline u64 blkcg_transaction(const struct ota_filter *filter, struct bio *bio)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cgroup *cgroup;

	if (!filter->cgroups || !bpf_core_field_exists(bio->bi_blkg))
		return 0;
	cgroup = BPF_CORE_READ(bio, bi_blkg, blkcg, css.cgroup);
	if (!cgroup || BPF_CORE_READ(cgroup, root) != BPF_CORE_READ(task, cgroups, dfl_cgrp, root))
		return 0;
	return ota_cgroup_transaction((u64)cgroup, 0);
}

/* Whether the page is in the cache of a file or device on the disk; then also its owner. */
static __always_inline bool find_page_owner(const struct ota_filter *filter, struct bio *bio,
					    const struct target_io *io, u64 *owner)
{
	struct page_region region = {};
	struct page_owner stamp;
	const struct ota_device *device;

	if (!page_region_of_bio(bio, &region))
		return false;
	if (find_stamp(filter, &region, &stamp)) {
		*owner = stamp.owner;
		return stamp.disk == io->disk;
	}
	device = find_device(filter, region.device);
	if (!device || device->disk != io->disk)
		return false;
	count_lost(&otawrite_lost, OTAWRITE_LOST_NO_STAMP);
	return true;
}

static __always_inline enum ota_step find_writer(const struct ota_filter *filter, struct bio *bio,
						 const struct target_io *io, bool has_pages,
						 u64 *transaction)
{
	bool cached = false;
	u64 owner = OTA_OWNER_UNKNOWN;

	if (has_pages)
		cached = find_page_owner(filter, bio, io, &owner);
	if (cached && owner == OTA_OWNER_OTHER)
		return OTA_BY_NOBODY;
	if (cached && owner) {
		*transaction = owner;
		return OTA_BY_INODE;
	}
	owner = task_owner();
	if (owner && owner != OTA_OWNER_OTHER) {
		*transaction = owner;
		return OTA_BY_TASK;
	}
	/* Whoever asks for writeback need not be who wrote. */
	if (owner == OTA_OWNER_OTHER && !cached)
		return OTA_BY_NOBODY;
	*transaction = blkcg_transaction(filter, bio);
	return *transaction ? OTA_BY_BLKCG : OTA_BY_DEVICE;
}

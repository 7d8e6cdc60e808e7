/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * Every difference between kernels that CO-RE offsets alone do not settle, each with the commit
 * that made it and the oldest supported kernel from which its old half may be deleted.
 */
#pragma once

#include "types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct___state_is_long {
	volatile long state;
};

struct request___with_disk {
	struct gendisk *rq_disk;
};

struct bio___with_disk {
	struct gendisk *bi_disk;
};

struct elevator_type___with_features {
	unsigned int elevator_features;
};

struct cgroup___with_ancestor_ids {
	u64 ancestor_ids[1];
};

struct cgroup___with_ancestors {
	struct cgroup *ancestors[1];
};

struct page___with_index {
	unsigned long index;
};

struct folio {
	struct address_space *mapping;
	unsigned long index;
};

struct mtd_info {
	int index;
};

struct erase_info {
	u64 addr;
	u64 len;
	u64 fail_addr;
};

struct mtd_oob_ops {
	unsigned long len;
	unsigned long retlen;
};

#pragma clang attribute pop

/*
 * 2f064a59a11f ("sched: Change task_struct::state"), 5.14, renamed state to __state and narrowed
 * it. Delete the old half when 5.14 is the oldest kernel.
 */
static __always_inline bool task_is_running(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state == 0;
	return ((struct task_struct___state_is_long *)task)->state == 0;
}

/*
 * f3fa33acca9f ("block: remove the ->rq_disk field in struct request"), 5.17; request_queue.disk
 * came in 5.15 (d152c682f03c "block: add an explicit ->disk backpointer to the request_queue").
 * Delete the old half when 5.17 is the oldest kernel.
 */
static __always_inline struct gendisk *request_disk(struct request *request)
{
	struct request___with_disk *old = (void *)request;

	if (bpf_core_field_exists(old->rq_disk))
		return old->rq_disk;
	return request->q->disk;
}

/*
 * 309dca309fc3 ("block: store a block_device pointer in struct bio"), 5.12, replaced bi_disk.
 * Delete the old half when 5.12 is the oldest kernel.
 */
static __always_inline struct gendisk *bio_disk(struct bio *bio)
{
	struct bio___with_disk *old = (void *)bio;

	if (bpf_core_field_exists(old->bi_disk))
		return old->bi_disk;
	return bio->bi_bdev->bd_disk;
}

/* The same of a bio that is known as a number. */
static __always_inline struct gendisk *bio_disk_at(u64 address)
{
	struct bio___with_disk *old = (void *)address;

	if (bpf_core_field_exists(old->bi_disk))
		return BPF_CORE_READ(old, bi_disk);
	return BPF_CORE_READ((struct bio *)address, bi_bdev, bd_disk);
}

/*
 * GENHD_FL_HIDDEN: a path to a disk, which has neither a number in sysfs nor a node. A macro or an
 * enumerator of no name, so BTF does not tell: 0x400 in 5.10, 2 since 5.17, where request.rq_disk
 * went. Delete the old half when 5.17 is the oldest kernel.
 */
static __always_inline bool disk_is_hidden(struct gendisk *disk)
{
	if (bpf_core_field_exists(((struct request___with_disk *)NULL)->rq_disk))
		return disk->flags & 0x400;
	return disk->flags & 2;
}

/*
 * Since 6.10 ("block: Remove BLK_STS_ZONE_RESOURCE") the block status numbers above 13 are one
 * lower. They are macros, so BTF does not have them; elevator_type.elevator_features went in the
 * same series ("block: Remove elevator required features"). Answers in the numbers of 6.10.
 * Delete when 6.10 is the oldest kernel.
 */
static __always_inline u32 block_status_number(u32 status)
{
	if (bpf_core_field_exists(struct elevator_type___with_features, elevator_features) &&
	    status > 14 && status < 19)
		return status - 1;
	return status;
}

/*
 * 7f203bc89eb6 ("cgroup: Replace cgroup->ancestor_ids[] with ->ancestors[]"), 6.1. Delete the old
 * half when 6.1 is the oldest kernel. Ask outside of loops: the compiler moves the offset of a
 * field that does not exist out of a loop, past the question.
 */
static __always_inline bool cgroup_keeps_ancestor_ids(struct cgroup *cgroup)
{
	return bpf_core_field_exists(((struct cgroup___with_ancestor_ids *)cgroup)->ancestor_ids);
}

/* `level`: from 0, the root, to cgroup->level. */
static __always_inline u64 cgroup_kept_ancestor_id(struct cgroup *cgroup, u32 level)
{
	struct cgroup___with_ancestor_ids *old = (void *)cgroup;
	u64 id = 0;

	bpf_core_read(&id, sizeof(id), &old->ancestor_ids[0] + level);
	return id;
}

static __always_inline u64 cgroup_ancestor_id(struct cgroup *cgroup, u32 level)
{
	struct cgroup___with_ancestors *new = (void *)cgroup;
	struct cgroup *ancestor = NULL;

	bpf_core_read(&ancestor, sizeof(ancestor), &new->ancestors[0] + level);
	return BPF_CORE_READ(ancestor, kn, id);
}

/* include/linux/sched.h, the same from 5.10 to 6.18. */
#define PF_KTHREAD 0x00200000

/*
 * Where in its file the head page of a folio lies, in pages. struct folio came in 5.16, and
 * 6.18 left page.index as __folio_index alone. Delete the old half when 5.16 is the oldest kernel.
 */
static __always_inline u64 folio_index(void *folio)
{
	struct page___with_index *page = folio;

	if (bpf_core_field_exists(struct folio, index))
		return BPF_CORE_READ((struct folio *)folio, index);
	return BPF_CORE_READ(page, index);
}

/* The same for the mapping, which page still has, but as a page descriptor's it shall go. */
static __always_inline u64 folio_mapping(void *folio)
{
	if (bpf_core_field_exists(struct folio, mapping))
		return (u64)BPF_CORE_READ((struct folio *)folio, mapping);
	return (u64)BPF_CORE_READ((struct page *)folio, mapping);
}

/*
 * MTD is a module on many machines, and 5.10 has no types of modules: they came in 5.11,
 * 36e68442d1af
 * ("bpf: Load and verify kernel module BTFs"). These are the offsets of include/linux/mtd/mtd.h in
 * 5.10 where pointers have 64 bits. Delete when 5.11 is the oldest kernel.
 */
#define MTD_INFO_INDEX	   64
#define MTD_OOB_OPS_LEN	   8
#define MTD_OOB_OPS_RETLEN 16
#define ERASE_INFO_ADDR	   0
#define ERASE_INFO_LEN	   8
#define ERASE_INFO_FAILED  16

#define MTD_FIELD(type, address, field, offset)                                                    \
	({                                                                                         \
		typeof(((type *)0)->field) value = 0;                                              \
                                                                                                   \
		if (bpf_core_field_exists(type, field))                                            \
			bpf_core_read(&value, sizeof(value), &((type *)(address))->field);         \
		else                                                                               \
			bpf_probe_read_kernel(&value, sizeof(value), (address) + (offset));        \
		value;                                                                             \
	})

/* The number in "mtdN". */
static __always_inline u32 mtd_index(void *mtd)
{
	return MTD_FIELD(struct mtd_info, mtd, index, MTD_INFO_INDEX);
}

/* Bytes of data that a call was to read or write ... */
static __always_inline u64 mtd_request_length(void *request)
{
	return MTD_FIELD(struct mtd_oob_ops, request, len, MTD_OOB_OPS_LEN);
}

/* ... and has. */
static __always_inline u64 mtd_request_done(void *request)
{
	return MTD_FIELD(struct mtd_oob_ops, request, retlen, MTD_OOB_OPS_RETLEN);
}

/* Where a call was to erase, how many bytes ... */
static __always_inline u64 mtd_erase_offset(void *request)
{
	return MTD_FIELD(struct erase_info, request, addr, ERASE_INFO_ADDR);
}

static __always_inline u64 mtd_erase_length(void *request)
{
	return MTD_FIELD(struct erase_info, request, len, ERASE_INFO_LEN);
}

/* ... and where that failed, all ones where the driver does not know. */
static __always_inline u64 mtd_erase_failed_at(void *request)
{
	return MTD_FIELD(struct erase_info, request, fail_addr, ERASE_INFO_FAILED);
}

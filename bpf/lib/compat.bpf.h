/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
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

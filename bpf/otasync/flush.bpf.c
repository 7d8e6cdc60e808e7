// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Flushes of the caches that bound disks have of their own. */
#include "../lib/types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "../lib/argument.bpf.h"
#include "../lib/block.bpf.h"
#include "../lib/compat.bpf.h"
#include "../lib/in_flight.bpf.h"
#include "../lib/lost.bpf.h"
#include "../lib/needs.bpf.h"
#include "../lib/ota.bpf.h"
#include "wait.bpf.h"

/* Flushes of bio-based disks. */
struct in_flight_map otasync_bio SEC(".maps");

/* A flush has no sector: it counts for the disk's smallest bound device, as in otawrite. */
static __always_inline bool is_bound_disk(struct gendisk *disk, struct otasync_key *key)
{
	const struct ota_filter *filter = bound();
	const struct ota_device *device;

	if (!filter || !disk)
		return false;
	device = find_device(filter, OTA_DEVICE((u32)disk->major, (u32)disk->first_minor));
	if (!device || !device->ranges)
		return false;
	key->role = device->range[0].role;
	key->operation = OTASYNC_FLUSH;
	return true;
}

SEC("?tp_btf/block_rq_complete")
int BPF_PROG(otasync_rq_complete, struct request *request, int error, unsigned int bytes)
{
	struct otasync_key key = {};

	if ((request->cmd_flags & REQ_OP_MASK) != REQ_OP_FLUSH ||
	    !is_bound_disk(request_disk(request), &key))
		return 0;
	if (request->start_time_ns)
		observe(&key, request->start_time_ns);
	else
		count_lost(&otasync_lost, OTASYNC_LOST_NO_TIMESTAMP);
	return 0;
}

static __always_inline bool is_flush_of_bios(struct bio *bio, struct otasync_key *key)
{
	struct gendisk *disk;

	if ((bio->bi_opf & REQ_OP_MASK) != REQ_OP_WRITE || bio->bi_iter.bi_size)
		return false;
	disk = bio_disk(bio);
	return is_bound_disk(disk, key) && !BPF_CORE_READ(disk, queue, mq_ops);
}

/* As in otawrite, with the commits. */
SEC("?tp_btf/block_bio_queue")
int BPF_PROG(otasync_bio_queue__with_queue, struct request_queue *queue, struct bio *bio)
{
	struct otasync_key key = {};

	if (is_flush_of_bios(bio, &key))
		in_flight_begin(&otasync_bio, argument(ctx, 1), bio, bio_disk(bio));
	return 0;
}
NEEDS(otasync_bio_queue__with_queue, "args block_bio_queue 2");

SEC("?tp_btf/block_bio_queue")
int BPF_PROG(otasync_bio_queue__plain, struct bio *bio)
{
	struct otasync_key key = {};

	if (is_flush_of_bios(bio, &key))
		in_flight_begin(&otasync_bio, argument(ctx, 0), bio, bio_disk(bio));
	return 0;
}

SEC("?tp_btf/block_bio_complete")
int BPF_PROG(otasync_bio_complete, struct request_queue *queue, struct bio *bio)
{
	struct otasync_key key = {};
	u64 start;

	if (!is_flush_of_bios(bio, &key))
		return 0;
	/* A write that was split may look like one by now, but was not begun. */
	start = in_flight_started(&otasync_bio, argument(ctx, 1));
	if (start)
		observe(&key, start);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * Which update wrote how much to its target devices; in completion.bpf.c, how long that took and
 * what failed.
 */
#include "lib/types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/argument.bpf.h"
#include "lib/block.bpf.h"
#include "lib/compat.bpf.h"
#include "lib/in_flight.bpf.h"
#include "lib/lost.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/needs.bpf.h"
#include "lib/ota.bpf.h"
#include "otawrite/stamp.bpf.h"
#include "otawrite/target.bpf.h"
#include "otawrite/writer.bpf.h"

struct otawrite_key {
	u32 major;
	u32 minor;
	enum ota_role role;
	enum ota_step step;
	enum block_operation operation;
};

struct otawrite_stats {
	u64 bytes; /* when they were queued */
	u64 bios;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, struct otawrite_key);
	__type(value, struct otawrite_stats);
} otawrite SEC(".maps");

struct otawrite_target_map otawrite_target SEC(".maps");
struct in_flight_map otawrite_start SEC(".maps");
bool otawrite_stacked, otawrite_passed_on;
struct otawrite_lost_map otawrite_lost SEC(".maps");

static const struct otawrite_stats no_writes;

/*
 * Verified by itself: inlined, its 16 ways to end would each go on to the end of the caller, more
 * than 5.10 has patience for.
 */
__noinline u64 otawrite_range_of(u32 disk, u64 sector, u32 bytes)
{
	const struct ota_device *device = bpf_map_lookup_elem(&ota_device, &disk);
	u64 index;

	if (!device)
		return OTA_RANGES;
	for (index = 0; index < OTA_RANGES && index < device->ranges; index++) {
		const struct ota_range *range = &device->range[index];

		if (!bytes || (sector >= range->first && sector < range->end))
			return index;
	}
	return OTA_RANGES;
}

static __always_inline void queue_bio(struct bio *bio, const unsigned long long *ctx, int index)
{
	const struct ota_filter *filter = bound();
	struct gendisk *disk;
	struct target_io io = {};
	struct otawrite_key key;
	struct otawrite_stats *stats;
	u64 transaction = 0;
	bool has_pages;
	u32 operation;

	if (!filter)
		return;
	if (otawrite_passed_on)
		in_flight_forget(&otawrite_start, argument(ctx, index));
	operation = bio->bi_opf & REQ_OP_MASK;
	if (operation == REQ_OP_READ)
		return;
	disk = bio_disk(bio);
	io.bytes = bio->bi_iter.bi_size;
	if (!disk || !find_target(filter, disk_number(disk), bio->bi_iter.bi_sector, &io))
		return;
	has_pages = operation == REQ_OP_WRITE && io.bytes;
	key.step = find_writer(filter, bio, &io, has_pages, &transaction);
	/* Not earlier: the verifier follows each operation by itself from here on. */
	io.operation = bio_operation(operation, io.bytes);
	key.major = io.major;
	key.minor = io.minor;
	key.role = io.role;
	key.operation = io.operation;
	stats = lookup_or_insert(&otawrite, &key, &no_writes);
	if (stats) {
		stats->bytes += io.bytes;
		stats->bios += 1;
	} else {
		count_lost(&otawrite_lost, OTAWRITE_LOST_MAP_FULL);
	}
	if (transaction && io.bytes && is_write(operation) &&
	    !count_transaction(transaction, key.step, io.bytes))
		count_lost(&otawrite_lost, OTAWRITE_LOST_MAP_FULL);
	if (!disk->queue->mq_ops) {
		otawrite_stacked = true;
		in_flight_begin(&otawrite_start, argument(ctx, index), bio, disk);
	}
}

/* 5.11, e8a676d61c07 ("block: simplify and extended the block_bio_merge tracepoint class"). */
SEC("tp_btf/block_bio_queue")
int BPF_PROG(otawrite_bio_queue__with_queue, struct request_queue *queue, struct bio *bio)
{
	queue_bio(bio, ctx, 1);
	return 0;
}
NEEDS(otawrite_bio_queue__with_queue, "args block_bio_queue 2");

SEC("tp_btf/block_bio_queue")
int BPF_PROG(otawrite_bio_queue__plain, struct bio *bio)
{
	queue_bio(bio, ctx, 0);
	return 0;
}

/* `index`: of the page in its file. */
static __always_inline void stamp_page(u64 index, struct address_space *mapping)
{
	struct ota_filter *filter = bound();
	struct page_region region = {.number = index >> PAGE_REGION_SHIFT};

	if (!filter || !mapping)
		return;
	region_of_mapping(mapping, &region);
	if (!may_be_bound(filter, region.device))
		return;
	if (!stamp_region(filter, &region))
		count_lost(&otawrite_lost, OTAWRITE_LOST_MAP_FULL);
}

SEC("tp_btf/writeback_dirty_folio")
int BPF_PROG(otawrite_dirty__folio, struct folio *folio, struct address_space *mapping)
{
	stamp_page(folio->index, mapping);
	return 0;
}

/* Before 5.16, 203a31516616 ("mm/writeback: Add __folio_mark_dirty()"). */
SEC("tp_btf/writeback_dirty_page")
int BPF_PROG(otawrite_dirty__page, struct page___with_index *page, struct address_space *mapping)
{
	stamp_page(page->index, mapping);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

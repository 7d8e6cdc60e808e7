/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* Which bound device an I/O is for, and what queueing and completion share besides. */
#pragma once

#include "../lib/block.bpf.h"
#include "../lib/compat.bpf.h"
#include "../lib/in_flight.bpf.h"
#include "../lib/lost.bpf.h"
#include "../lib/ota.bpf.h"
#include "recent.bpf.h"

enum otawrite_lost_reason {
	OTAWRITE_LOST_MAP_FULL,
	OTAWRITE_LOST_NO_TIMESTAMP,  /* latency only */
	OTAWRITE_LOST_NO_STAMP,	     /* dirtied before the device was bound, or pushed out */
	OTAWRITE_LOST_TOO_MANY_BIOS, /* of other disks in one request, see REQUEST_BIOS */
};

extern LOST_MAP(otawrite, OTAWRITE_LOST_TOO_MANY_BIOS);

/* Bios of bio-based disks, which have no request that keeps the time. */
extern struct in_flight_map otawrite_start SEC(".maps");

/* Whether some have been queued, and passed on to other disks, since the start. */
extern bool otawrite_stacked, otawrite_passed_on;

/* What this CPU's last I/O on a bound device was for, valid until the filter says otherwise. */
struct recent_target {
	u64 changes;
	struct ota_range range;
	u32 disk;
	u32 sequence;
};

struct otawrite_target_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct recent_target);
};
extern struct otawrite_target_map otawrite_target SEC(".maps");

/* I/O on a bound device. */
struct target_io {
	u32 disk;
	u32 major;
	u32 minor;
	enum ota_role role;
	enum block_operation operation;
	u32 bytes;
	u64 sector; /* of the disk */
	u64 first;  /* where the bound device begins */
};

static __always_inline bool is_write(u32 operation)
{
	return operation == REQ_OP_WRITE || operation == REQ_OP_WRITE_ZEROES;
}

static __always_inline void aim(struct target_io *io, const struct ota_range *range, u32 disk,
				u64 sector)
{
	io->disk = disk;
	io->major = range->major;
	io->minor = range->minor;
	io->role = range->role;
	io->first = range->first;
	io->sector = sector;
}

static __always_inline bool is_recent_target(const struct recent_target *recent, u64 changes,
					     u32 disk, u64 sector, struct target_io *io)
{
	u32 begin = recent_read_begin(&recent->sequence);

	if (recent->changes != changes || recent->disk != disk || sector < recent->range.first ||
	    sector >= recent->range.end)
		return false;
	aim(io, &recent->range, disk, sector);
	return recent_read_end(&recent->sequence, begin);
}

static __always_inline void keep_target(struct recent_target *recent, u64 changes,
					const struct target_io *io, const struct ota_range *range)
{
	if (!range->whole || !recent_write_begin(&recent->sequence))
		return;
	recent->changes = changes;
	recent->disk = io->disk;
	recent->range = *range;
	recent_write_end(&recent->sequence);
}

/* Which range of the disk the I/O is for, OTA_RANGES for none. */
extern u64 otawrite_range_of(u32 disk, u64 sector, u32 bytes);

/*
 * Which bound device the I/O is for, by its first sector: partitions are remapped to their disk
 * before bios are queued (5.10 then forgets them), and requests know the disk alone. A flush has no
 * sector and counts for the smallest bound device: it is the disk's anyway. `number`: of the disk.
 */
static __always_inline bool find_target(const struct ota_filter *filter, u32 number, u64 sector,
					struct target_io *io)
{
	u32 only = 0;
	const struct ota_device *device;
	const struct ota_range *range;
	struct recent_target *recent;
	u64 changes = filter->changes, index;

	if (!may_be_bound(filter, number))
		return false;
	recent = bpf_map_lookup_elem(&otawrite_target, &only);
	if (!recent)
		return false;
	if (io->bytes && is_recent_target(recent, changes, number, sector, io))
		return true;
	index = otawrite_range_of(number, sector, io->bytes);
	device = bpf_map_lookup_elem(&ota_device, &number);
	if (index >= OTA_RANGES || !device)
		return false;
	/* 5.10 forgets the bound of a number that goes to the stack. */
	barrier_var(index);
	range = &device->range[index & (OTA_RANGES - 1)];
	/* The disk may have been bound again between the two looks. */
	if (io->bytes && (sector < range->first || sector >= range->end))
		return false;
	aim(io, range, number, sector);
	keep_target(recent, changes, io, range);
	return true;
}

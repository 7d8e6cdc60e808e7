/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* What is bound to updates, as the exporter tells it to every probe that follows them. */
#pragma once

#include <linux/types.h>

/* Device numbers here are the kernel's own: 12 bits of major, 20 of minor. */
#define OTA_DEVICE(major, minor) ((major) << 20 | (minor))

#define OTA_RANGES 16

/* Owners of dirty pages that are no transaction; transactions are numbered from 1. */
#define OTA_OWNER_UNKNOWN 0ULL
#define OTA_OWNER_OTHER	  (~0ULL)

enum ota_role {
	OTA_ROLE_SLOT,
	OTA_ROLE_BOOTENV,
	OTA_ROLE_DATA,
};

/* How the writer of a bio was found, in the order in which it is looked for. */
enum ota_step {
	OTA_BY_INODE,  /* who made the page of the cache dirty */
	OTA_BY_TASK,   /* who submitted the bio */
	OTA_BY_BLKCG,  /* the cgroup that the kernel charges the bio to */
	OTA_BY_DEVICE, /* nobody known: only that the device is an update's target */
	OTA_BY_NOBODY, /* known, and no update */
};

/*
 * Map ota_filter, one element: what can be left out without a lookup. A bit of a mask: numbers with
 * that bit may be bound. A mask of 0: nothing is bound.
 */
#define OTA_FILTER_BIT(number) (((number) ^ (number) >> 20) & 63)

struct ota_filter {
	__u64 devices;	 /* by device number */
	__u64 cgroups;	 /* by cgroup id */
	__u64 processes; /* by process id, of the initial namespace */
	__u64 unnamed;	 /* not 0: an update is open of which nobody knows who writes for it */
	__u64 changes;	 /* the kernel side adds 1 when pages change their owner, user space
			    OTA_REBOUND */
};

/* More than the kernel side will ever add. */
#define OTA_REBOUND (1ULL << 40)

/* A bound device as a part of its disk, in sectors of 512 bytes. */
struct ota_range {
	__u64 first;
	__u64 end; /* the first sector behind it */
	__u32 major;
	__u32 minor;
	__u32 role;  /* enum ota_role */
	__u32 whole; /* no other range of the disk lies in it */
};

/*
 * Map ota_device, by device number: every disk with something bound on it, and all its partitions.
 * A partition has its disk only; the disk has the ranges, the smallest first.
 */
struct ota_device {
	__u32 disk; /* device number */
	__u32 ranges;
	struct ota_range range[OTA_RANGES];
};

/* Map ota_written: bytes written (not discarded) for a transaction, by the step that found it. */
struct ota_written_key {
	__u64 transaction;
	enum ota_step step;
	__u32 reserved;
};

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* What the probe otawrite tells the exporter. */
#pragma once

#include <linux/types.h>

/* What else fails meanwhile must not hide the stronger cause. */
struct otawrite_last_error_key {
	__u32 major;
	__u32 minor;
	__u32 status; /* enum block_status */
};

/* Map otawrite_last_error: the latest request of a bound device that failed so. */
struct otawrite_last_error {
	__u64 sector;	 /* of the disk, the request's first */
	__u64 offset;	 /* the same in bytes from the start of the bound device */
	__u64 bytes;	 /* that failed */
	__u64 at_ns;	 /* CLOCK_BOOTTIME */
	__u64 count;	 /* requests of this device that failed so, this one included */
	__u32 status;	 /* enum block_status */
	__u32 operation; /* enum block_operation */
	__u32 role;	 /* enum ota_role, bpf/ota.h */
	__u32 reserved;
};

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* What the probe mtd and the exporter tell each other. */
#pragma once

#include <linux/types.h>

/* Map mtd_target, by the number in "mtdN": enum ota_role. Written by user space alone. */

/* Map mtd_last_error, by the same number: the latest failed call of a bound device. */
struct mtd_last_error {
	__u64 offset; /* bytes from the start of the device to where it failed, as far as is known
		       */
	__u64 bytes;  /* from there to the end of what was asked for */
	__u64 at_ns;  /* CLOCK_BOOTTIME */
	__u64 count;  /* failed calls of this device, this one included */
	__u32 error;  /* errno: EBADMSG for what ECC could not correct */
	__u32 operation; /* enum block_operation */
	__u32 role;	 /* enum ota_role */
	__u32 reserved;
};

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* The key of netdrop's maps, which the exporter removes when a device is gone. */
#pragma once

#include <linux/types.h>

/* No index of a device, which is positive: any in another network namespace. */
#define NETDROP_OTHER_NETNS 0xffffffff

struct netdrop_key {
	__u32 netns;   /* inode number; 0: not known, or not told apart */
	__u32 ifindex; /* 0: no device, or not known; NETDROP_OTHER_NETNS */
	__u32 reason;  /* the running kernel's enum skb_drop_reason */
};

struct netdrop_stats {
	__u64 packets;
	__u64 bytes; /* from the layer that dropped the packet upwards */
	/*
	 * The device's name when the key was made, in the value of the CPU that made it. "unknown":
	 * no device, or not known; "other_netns": any of another network namespace.
	 */
	char device[16]; /* IFNAMSIZ */
};

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* What the probe otafail tells the exporter. */
#pragma once

#include <linux/types.h>

enum otafail_kind {
	OTAFAIL_OOM_KILLED,
	OTAFAIL_SIGNAL_KILLED,
	OTAFAIL_NO_SPACE,
	OTAFAIL_SUCCESS, /* no failure: a process that was started from outside returned 0 */
};

/* Ring otafail_events: what happened to a process of an update. */
struct otafail_event {
	__u64 transaction;
	__u64 at_ns; /* CLOCK_BOOTTIME */
	__u32 kind;  /* enum otafail_kind */
	__u32 pid;
	__u32 signal;  /* that ended it, or that it handles itself */
	__u32 sender;  /* process, 0 for none or unknown */
	__u32 device;  /* without space: 12 bits of major, 20 of minor */
	__u32 caught;  /* the signal did not end it */
	char comm[16]; /* of the process, not of its thread */
	char sender_comm[16];
};

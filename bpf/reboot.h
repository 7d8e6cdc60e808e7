/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* What the probe reboot tells the exporter. */
#pragma once

#include <linux/types.h>

enum reboot_command {
	REBOOT_RESTART,
	REBOOT_HALT,
	REBOOT_POWER_OFF,
	REBOOT_KEXEC,
	REBOOT_SUSPEND,
};

/* Ring reboot_events: somebody who may do it asks for it. */
struct reboot_event {
	__u64 at_ns;   /* CLOCK_BOOTTIME */
	__u32 command; /* enum reboot_command */
	__u32 pid;
	__u32 machine; /* 0: only a pid namespace ends by it */
	__u32 reserved;
	char comm[16]; /* of the process, not of its thread */
};

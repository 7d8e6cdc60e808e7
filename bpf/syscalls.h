/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * Numbers of system calls differ by architecture: user space, which is compiled for the one that it
 * runs on, writes them into the constants NAME_syscalls before the object is loaded. What it does
 * not write stays at -1, which is no system call's number.
 */
#pragma once

#include <linux/types.h>

struct otasync_syscalls {
	__s32 fsync;
	__s32 fdatasync;
	__s32 syncfs;
	__s32 sync_file_range;
	__s32 sync;
};

/* Those that make files or make them longer. */
#define OTAFAIL_SYSCALLS 24

struct otafail_syscalls {
	__s32 numbers[OTAFAIL_SYSCALLS];
};

struct reboot_syscalls {
	__s32 reboot;
};

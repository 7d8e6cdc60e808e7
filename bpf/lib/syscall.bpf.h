/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* What sys_enter and sys_exit pass, on each architecture; numbers come from user space. */
#pragma once

#include <linux/stat.h>
#include "compat.bpf.h"
#include "registers.bpf.h"
#include "../syscalls.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)

/* arch/x86/include/asm/thread_info.h: a call of 32-bit code, which has other numbers. */
#define TS_COMPAT 0x0002

struct thread_info___x86 {
	u32 status;
};

struct task_struct___x86 {
	struct thread_info___x86 thread_info;
};

#elif defined(__TARGET_ARCH_arm64)

/* arch/arm64/include/asm/thread_info.h: TIF_32BIT. */
#define TIF_32BIT 22

struct thread_info___arm64 {
	unsigned long flags;
};

struct task_struct___arm64 {
	struct thread_info___arm64 thread_info;
};

#else
#error "no system calls known for this architecture"
#endif

#pragma clang attribute pop

#if defined(__TARGET_ARCH_x86)

/* By the table of numbers that is_compat_syscall() tells. */
static __always_inline s32 syscall_number(struct pt_regs *regs)
{
	return (s32)regs->orig_ax;
}

static __always_inline bool is_compat_syscall(void)
{
	struct task_struct___x86 *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}

/* Both also hold after the call. */
static __always_inline u64 syscall_first(struct pt_regs *regs)
{
	return regs->di;
}

static __always_inline u64 syscall_third(struct pt_regs *regs)
{
	return regs->dx;
}

#else

static __always_inline s32 syscall_number(struct pt_regs *regs)
{
	return regs->syscallno;
}

static __always_inline bool is_compat_syscall(void)
{
	struct task_struct___arm64 *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, thread_info.flags) >> TIF_32BIT & 1;
}

static __always_inline u64 syscall_first(struct pt_regs *regs)
{
	return regs->orig_x0;
}

static __always_inline u64 syscall_third(struct pt_regs *regs)
{
	return regs->regs[2];
}

#endif

/* The inode of a descriptor of the current task; NULL for none. */
static __always_inline struct inode *inode_of_descriptor(u64 descriptor)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	u32 number = descriptor;
	struct file *file = NULL;

	if (number >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_core_read(&file, sizeof(file), files + number);
	return BPF_CORE_READ(file, f_inode);
}

/* The block device that a descriptor of the current task is, or that its file lies on; 0: none. */
static __always_inline u32 device_of_descriptor(u64 descriptor)
{
	struct inode *inode = inode_of_descriptor(descriptor);

	if (!inode)
		return 0;
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFBLK)
		return BPF_CORE_READ(inode, i_rdev);
	return BPF_CORE_READ(inode, i_sb, s_dev);
}

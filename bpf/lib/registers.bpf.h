/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* The registers that a system call or a probed function found, on each architecture. */
#pragma once

#include "types.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)

struct pt_regs {
	unsigned long di;
	unsigned long si;
	unsigned long dx;
	unsigned long ax;
	unsigned long orig_ax;
};

#elif defined(__TARGET_ARCH_arm64)

struct user_pt_regs {
	u64 regs[31];
};

struct pt_regs {
	u64 regs[31];
	u64 orig_x0;
	s32 syscallno;
};

#else
#error "no registers known for this architecture"
#endif

#pragma clang attribute pop

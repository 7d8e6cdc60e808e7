/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* What a kprobe and a kretprobe see of a function, where the kernel has no fentry and fexit for it.
 */
#pragma once

#include "registers.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define PROBE_REGISTERS		 struct pt_regs
#define PROBE_ARGUMENT1(context) ((context)->di)
#define PROBE_ARGUMENT2(context) ((context)->si)
#define PROBE_ARGUMENT3(context) ((context)->dx)
#define PROBE_RESULT(context)	 ((context)->ax)
#elif defined(__TARGET_ARCH_arm64)
#define PROBE_REGISTERS		 struct user_pt_regs
#define PROBE_ARGUMENT1(context) ((context)->regs[0])
#define PROBE_ARGUMENT2(context) ((context)->regs[1])
#define PROBE_ARGUMENT3(context) ((context)->regs[2])
#define PROBE_RESULT(context)	 ((context)->regs[0])
#else
#error "which registers hold arguments and results on this architecture?"
#endif

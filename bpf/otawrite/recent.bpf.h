/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * What a CPU found last, to find it again without a look. An interrupt may run the same or another
 * program in the middle of either side; it has ended when that goes on, so a count that is odd
 * while somebody writes tells.
 */
#pragma once

#include "../lib/types.bpf.h"
#include <bpf/bpf_helpers.h>

static __always_inline u32 recent_read_begin(const u32 *sequence)
{
	u32 begin = *sequence;

	barrier();
	return begin;
}

/* Whether what was read since `begin` belongs together. */
static __always_inline bool recent_read_end(const u32 *sequence, u32 begin)
{
	barrier();
	return *(const volatile u32 *)sequence == begin && !(begin & 1);
}

/* False: somebody is at it, and this one is not kept. */
static __always_inline bool recent_write_begin(u32 *sequence)
{
	if (*sequence & 1)
		return false;
	*sequence += 1;
	barrier();
	return true;
}

static __always_inline void recent_write_end(u32 *sequence)
{
	barrier();
	*sequence += 1;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
#pragma once

#include "types.bpf.h"
#include <bpf/bpf_helpers.h>

/*
 * Argument `index` of a tp_btf program as a number. Loaded directly, a pointer stays a pointer to
 * the verifier, which then forbids arithmetic on it and, from 6.2 on, insists on a NULL check.
 */
static __always_inline u64 argument(const unsigned long long *ctx, int index)
{
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), &ctx[index]);
	return value;
}

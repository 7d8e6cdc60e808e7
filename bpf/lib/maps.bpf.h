/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
#pragma once

#include "types.bpf.h"
#include <bpf/bpf_helpers.h>

/*
 * The value of a key, inserted as `zero` when it is new. Another CPU may insert the same key in
 * between, so the insert never replaces and the second look decides. NULL: the map is full.
 */
static __always_inline void *lookup_or_insert(void *map, const void *key, const void *zero)
{
	void *value = bpf_map_lookup_elem(map, key);

	if (value)
		return value;
	bpf_map_update_elem(map, key, zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, key);
}

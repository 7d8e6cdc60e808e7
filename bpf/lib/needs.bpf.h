/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * What the kernel's BTF must have for a program, beside the event that its section names. The
 * loader reads it from the object before it chooses among the variants ROLE__VARIANT of a role:
 * the first in the object's order whose needs are met and that loads and attaches.
 *
 *	NEEDS(netdrop_kfree_skb__reason, "args kfree_skb 3");
 *
 * Requirements are separated by ";" and all must hold:
 *	args NAME N		the tracepoint NAME passes at least N arguments
 *	field STRUCT.MEMBER	the structure has the member
 *	!field STRUCT.MEMBER	it has not, or there is no such structure
 */
#pragma once

#define NEEDS(program, text) const char needs_##program[] SEC(".rodata.needs") = text

/*
 * A map that programs use only while a constant is set. Where it is not the map is not created, and
 * the verifier never gets to the code that uses it:
 *
 *	const volatile bool runqueue_per_cgroup = false;
 *	MAP_IF(runqueue_cgroup, runqueue_per_cgroup);
 */
#define MAP_IF(map, constant) const char map_if_##map[] SEC(".rodata.needs") = #constant

/*
 * Room in a map whose keys name disks, beside its max_entries: so many entries for each disk that
 * the machine has when the exporter starts.
 */
#define ENTRIES_PER_DISK(map, entries) const char per_disk_##map[] SEC(".rodata.needs") = #entries

// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Two large hashes that map_floor fills. */
/* The helpers need the types before them. */
/* clang-format off */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

struct large_key {
  __u32 id;
  __u32 group;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 10000);
  __type(key, struct large_key);
  __type(value, __u64);
} hash_10k SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 50000);
  __type(key, struct large_key);
  __type(value, __u64);
} hash_50k SEC(".maps");

/* A program that nothing attaches: an object without any would be no probe. */
SEC("tp_btf/sched_process_exec")
int large_hash_user(void* context) {
  struct large_key key = {};

  bpf_map_lookup_elem(&hash_10k, &key);
  bpf_map_lookup_elem(&hash_50k, &key);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

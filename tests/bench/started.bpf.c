// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* An object as others have them, one of many: counts programs started, by who started them. */
/* clang-format off */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
/* clang-format on */

#define CO_RE __attribute__((preserve_access_index))

struct task_struct {
  int tgid;
  struct task_struct* real_parent;
} CO_RE;

struct started_key {
  __u32 parent;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct started_key);
  __type(value, __u64);
} started SEC(".maps");

SEC("tp_btf/sched_process_exec")
int BPF_PROG(started_exec, struct task_struct* task) {
  struct started_key key = {.parent = BPF_CORE_READ(task, real_parent, tgid)};
  __u64 one = 1;
  __u64* count = bpf_map_lookup_elem(&started, &key);

  if (count)
    __sync_fetch_and_add(count, 1);
  else
    bpf_map_update_elem(&started, &key, &one, BPF_NOEXIST);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

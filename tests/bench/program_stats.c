// SPDX-License-Identifier: Apache-2.0
/*
 * Run time of BPF programs, as the kernel counts it while this process lives. Lines on stdin:
 *   empty HOOK     attach an empty tp_btf program to a tracepoint     -> its program id
 *   read ID...     -> one line "ID NAME HOOK run_time_ns run_cnt" each ("-" for no tp_btf), then
 * "end" Everything is detached, and counting ended, with the process.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "programs.h"

static struct btf* kernel_btf;

static void attach_empty(const char* hook) {
  int program = load_empty(hook);

  attach(program);
  printf("%u\n", program_info(program).id);
}

static void read_program(__u32 id) {
  int program = bpf_prog_get_fd_by_id(id);
  struct bpf_prog_info info;

  if (program < 0) fail("program id");
  info = program_info(program);
  printf("%u %s %s %llu %llu\n", id, info.name, hook_of(kernel_btf, &info),
         (unsigned long long)info.run_time_ns, (unsigned long long)info.run_cnt);
  close(program);
}

int main(void) {
  char line[4096];

  if (bpf_enable_stats(BPF_STATS_RUN_TIME) < 0) fail("BPF_ENABLE_STATS");
  kernel_btf = btf__load_vmlinux_btf();
  if (!kernel_btf) fail("BTF of the kernel");
  while (fgets(line, sizeof(line), stdin)) {
    char* word = strtok(line, " \n");
    if (!word) continue;
    if (!strcmp(word, "empty")) {
      attach_empty(strtok(NULL, " \n"));
    } else if (!strcmp(word, "read")) {
      while ((word = strtok(NULL, " \n"))) read_program(strtoul(word, NULL, 10));
      puts("end");
    }
    fflush(stdout);
  }
  return 0;
}

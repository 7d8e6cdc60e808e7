// SPDX-License-Identifier: Apache-2.0
/*
 * Run time of BPF programs, as the kernel counts it while this process lives. Lines on stdin:
 *   empty HOOK     attach an empty tp_btf program to a tracepoint     -> its program id
 *   read ID...     -> one line "ID NAME HOOK run_time_ns run_cnt" each ("-" for no tp_btf), then
 * "end" Everything is detached, and counting ended, with the process.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct btf* kernel_btf;

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static struct bpf_prog_info program_info(int program) {
  struct bpf_prog_info info = {0};
  __u32 size = sizeof(info);

  if (bpf_obj_get_info_by_fd(program, &info, &size)) fail("program info");
  return info;
}

static void attach_empty(const char* hook) {
  const struct bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
      {.code = BPF_JMP | BPF_EXIT},
  };
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP);
  int type = libbpf_find_vmlinux_btf_id(hook, BPF_TRACE_RAW_TP);

  if (type < 0) fail(hook);
  options.attach_btf_id = type;
  int program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "empty", "GPL", instructions, 2, &options);
  if (program < 0) fail("load an empty program");
  if (bpf_raw_tracepoint_open(NULL, program) < 0) fail(hook);
  printf("%u\n", program_info(program).id);
}

static const char* hook_of(__u32 attach_btf_id) {
  static const char prefix[] = "btf_trace_";
  const struct btf_type* type = attach_btf_id ? btf__type_by_id(kernel_btf, attach_btf_id) : NULL;
  const char* name = type ? btf__name_by_offset(kernel_btf, type->name_off) : "-";

  return strncmp(name, prefix, sizeof(prefix) - 1) ? name : name + sizeof(prefix) - 1;
}

static void read_program(__u32 id) {
  int program = bpf_prog_get_fd_by_id(id);
  struct bpf_prog_info info;

  if (program < 0) fail("program id");
  info = program_info(program);
  printf("%u %s %s %llu %llu\n", id, info.name, hook_of(info.attach_btf_id),
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

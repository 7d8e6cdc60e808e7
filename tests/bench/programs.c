// SPDX-License-Identifier: Apache-2.0
#include "programs.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(const char* what) {
  perror(what);
  exit(1);
}

struct bpf_prog_info program_info(int program) {
  struct bpf_prog_info info = {0};
  __u32 size = sizeof(info);

  if (bpf_obj_get_info_by_fd(program, &info, &size)) fail("program info");
  return info;
}

const char* hook_of(const struct btf* kernel, const struct bpf_prog_info* info) {
  static const char prefix[] = "btf_trace_";
  const struct btf_type* type =
      info->attach_btf_id ? btf__type_by_id(kernel, info->attach_btf_id) : NULL;
  const char* name = type ? btf__name_by_offset(kernel, type->name_off) : "-";

  return strncmp(name, prefix, sizeof(prefix) - 1) ? name : name + sizeof(prefix) - 1;
}

int load_empty(const char* hook) {
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
  return program;
}

int attach(int program) {
  int link = bpf_raw_tracepoint_open(NULL, program);

  if (link < 0) fail("attach a program");
  return link;
}

// SPDX-License-Identifier: Apache-2.0
/* Programs of tp_btf, by their descriptors. Whatever fails here ends the process and says why. */
#pragma once

#include <linux/bpf.h>

struct btf;

void fail(const char* what);

struct bpf_prog_info program_info(int program);

/* The tracepoint that a program was loaded for; "-" when it is none of tp_btf. */
const char* hook_of(const struct btf* kernel, const struct bpf_prog_info* info);

/* A program for the tracepoint that does nothing. */
int load_empty(const char* hook);

/* The descriptor of the link: closing it detaches. */
int attach(int program);

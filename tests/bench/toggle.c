// SPDX-License-Identifier: Apache-2.0
/*
 * Attaches and detaches loaded tp_btf programs as often as asked, without loading them again, so
 * that each slice of a measurement runs the same programs. Lines on stdin; sets are numbered from
 * 0:
 *
 *   take ID...    a set of programs that another process loaded and that stay when it ends
 *   empty HOOK... a set of empty programs, one for each tracepoint
 *                 -> for both: the tracepoints of the set
 *   attach SET    instead of what is attached  -> "done"
 *   detach        -> "done"
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "programs.h"

#define MAX_SETS 16
#define MAX_PROGRAMS 64

struct set {
  int programs[MAX_PROGRAMS];
  int count;
};

static struct btf* kernel_btf;
static struct set sets[MAX_SETS];
static int set_count;
static int links[MAX_PROGRAMS], link_count;

static struct set* new_set(void) {
  if (set_count == MAX_SETS) {
    fprintf(stderr, "toggle: more than %d sets\n", MAX_SETS);
    exit(1);
  }
  return &sets[set_count++];
}

static void add(struct set* set, int program) {
  if (program < 0) fail("program id");
  if (set->count == MAX_PROGRAMS) {
    fprintf(stderr, "toggle: more than %d programs in a set\n", MAX_PROGRAMS);
    exit(1);
  }
  set->programs[set->count++] = program;
}

static void print_hooks(const struct set* set) {
  for (int i = 0; i < set->count; i++) {
    struct bpf_prog_info info = program_info(set->programs[i]);
    printf("%s%s", i ? " " : "", hook_of(kernel_btf, &info));
  }
  puts("");
}

static void make_set(int (*program)(const char*)) {
  struct set* set = new_set();
  const char* word;

  while ((word = strtok(NULL, " \n"))) add(set, program(word));
  print_hooks(set);
}

static int by_id(const char* id) { return bpf_prog_get_fd_by_id(strtoul(id, NULL, 10)); }

static void detach_all(void) {
  while (link_count) close(links[--link_count]);
}

static void attach_set(unsigned long number) {
  if (number >= (unsigned long)set_count) {
    fprintf(stderr, "toggle: there is no set %lu\n", number);
    exit(1);
  }
  detach_all();
  for (int i = 0; i < sets[number].count; i++)
    links[link_count++] = attach(sets[number].programs[i]);
}

int main(void) {
  char line[4096];

  kernel_btf = btf__load_vmlinux_btf();
  if (!kernel_btf) fail("BTF of the kernel");
  while (fgets(line, sizeof(line), stdin)) {
    const char* word = strtok(line, " \n");
    const char* number;

    if (!word) continue;
    if (!strcmp(word, "take")) {
      make_set(by_id);
    } else if (!strcmp(word, "empty")) {
      make_set(load_empty);
    } else if (!strcmp(word, "detach")) {
      detach_all();
      puts("done");
    } else if (!strcmp(word, "attach") && (number = strtok(NULL, " \n"))) {
      attach_set(strtoul(number, NULL, 10));
      puts("done");
    }
    fflush(stdout);
  }
  return 0;
}

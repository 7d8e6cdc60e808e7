// SPDX-License-Identifier: Apache-2.0
/*
 * The floor under reading a hash map: batch lookups into C arrays and nothing else.
 *   map_floor fill MAP_ID ENTRIES     keys {id, group = 7}, values 1000000 + id
 *   map_floor read MAP_ID ROUNDS      -> median CPU nanoseconds of one whole read, and its entries
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 65536

struct large_key {
  __u32 id;
  __u32 group;
};

static struct large_key keys[BATCH];
static __u64 values[BATCH];

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static long long cpu_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void fill(int map, __u32 entries) {
  for (__u32 id = 0; id < entries; id++) {
    struct large_key key = {.id = id, .group = 7};
    __u64 value = 1000000ULL + id;
    if (bpf_map_update_elem(map, &key, &value, BPF_ANY)) fail("fill the map");
  }
}

static __u32 read_all(int map) {
  __u32 cursor = 0, total = 0, count;
  void* from = NULL;
  int result;

  do {
    count = BATCH;
    result = bpf_map_lookup_batch(map, from, &cursor, keys, values, &count, NULL);
    if (result && errno != ENOENT) fail("batch lookup");
    total += count;
    from = &cursor;
  } while (!result);
  return total;
}

static int ascending(const void* left, const void* right) {
  long long a = *(const long long*)left, b = *(const long long*)right;
  return (a > b) - (a < b);
}

int main(int argc, char** argv) {
  if (argc != 4) return fprintf(stderr, "usage: map_floor fill|read MAP_ID NUMBER\n"), 2;
  int map = bpf_map_get_fd_by_id(strtoul(argv[2], NULL, 10));
  int number = atoi(argv[3]);
  if (map < 0) fail("map id");
  if (!strcmp(argv[1], "fill")) {
    fill(map, number);
    return 0;
  }

  long long* times = calloc(number, sizeof(*times));
  __u32 entries = read_all(map);
  for (int round = 0; round < number; round++) {
    long long start = cpu_now();
    entries = read_all(map);
    times[round] = cpu_now() - start;
  }
  qsort(times, number, sizeof(*times), ascending);
  printf("%lld %u\n", times[number / 2], entries);
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Loads that run until stdin ends, and answer every line on stdin with what they have done so far
 * and the CPU time that they have taken (ns):
 *
 *   load pipe CPU          one byte to and fro between two threads on one CPU   -> round trips
 *   load udp CPU           datagrams to a socket of our own, over loopback      -> datagrams
 *   load drop CPU          datagrams to a closed port of loopback               -> datagrams
 *   load write CPU FILE    4 KiB at a time past the page cache                  -> writes
 *   load buffered CPU FILE 4 KiB at a time into it, to the medium every 16 MiB  -> writes
 *   load mixed FILE        on every CPU: 20 round trips, 20 pings over loopback, 1 write
 *                          -> such units
 *   load wait THREADS pinned|free SECONDS
 *                          busy threads that outnumber the CPUs: says "ready", runs once on the
 * first line
 *                          -> nanoseconds that they waited, by their schedstat; then waits for
 * stdin
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/icmp.h>
#include <netinet/ip.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define BLOCKS 4096
#define MAX_THREADS 64

static atomic_ulong done;

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set)) fail("sched_setaffinity");
}

/* A pair of threads that wake each other: two context switches a round trip. */
struct pair {
  int cpu, to[2], from[2];
};

static void* echo(void* argument) {
  struct pair* pair = argument;
  char byte;

  pin(pair->cpu);
  while (read(pair->to[0], &byte, 1) == 1)
    if (write(pair->from[1], &byte, 1) != 1) fail("pipe");
  return NULL;
}

static void open_pair(struct pair* pair, int cpu) {
  pthread_t thread;

  pair->cpu = cpu;
  if (pipe(pair->to) || pipe(pair->from)) fail("pipe");
  if (pthread_create(&thread, NULL, echo, pair)) fail("pthread_create");
}

static void round_trip(struct pair* pair) {
  char byte = 0;
  if (write(pair->to[1], &byte, 1) != 1 || read(pair->from[0], &byte, 1) != 1) fail("pipe");
}

struct datagrams {
  int sender, receiver; /* receiver: -1 when nobody listens */
  struct sockaddr_in address;
};

static void open_datagrams(struct datagrams* datagrams, int listens) {
  struct sockaddr_in* address = &datagrams->address;
  socklen_t size = sizeof(*address);

  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  datagrams->receiver = socket(AF_INET, SOCK_DGRAM, 0);
  datagrams->sender = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(datagrams->receiver, (struct sockaddr*)address, size)) fail("bind");
  if (getsockname(datagrams->receiver, (struct sockaddr*)address, &size)) fail("getsockname");
  if (listens) return;
  close(datagrams->receiver);
  datagrams->receiver = -1;
}

static void exchange(const struct datagrams* datagrams) {
  char payload[64] = {0};

  /* The sender is not connected: a refusal is then no error of its next datagram. */
  if (sendto(datagrams->sender, payload, sizeof(payload), 0,
             (const struct sockaddr*)&datagrams->address, sizeof(datagrams->address)) < 0)
    fail("sendto");
  if (datagrams->receiver >= 0 && recv(datagrams->receiver, payload, sizeof(payload), 0) < 0)
    fail("recv");
}

/* Echo requests of our own, as a ping flood sends them: the next one when the reply is here. */
struct pinger {
  int socket;
  unsigned short id, sequence;
};

static void open_pinger(struct pinger* pinger, unsigned short id) {
  /* Each pings an address of its own: a raw socket hears the replies from it only. */
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + id)};
  const struct icmp_filter only_replies = {.data = ~(1U << ICMP_ECHOREPLY)};

  pinger->id = htons((getpid() + id) & 0xffff);
  pinger->sequence = 0;
  pinger->socket = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  if (pinger->socket < 0) fail("raw socket");
  if (setsockopt(pinger->socket, SOL_RAW, ICMP_FILTER, &only_replies, sizeof(only_replies)))
    fail("ICMP_FILTER");
  if (connect(pinger->socket, (const struct sockaddr*)&address, sizeof(address))) fail("connect");
}

static unsigned short checksum(const unsigned short* words, size_t count) {
  unsigned sum = 0;
  while (count--) sum += *words++;
  sum = (sum >> 16) + (sum & 0xffff);
  return ~(sum + (sum >> 16));
}

static void ping(struct pinger* pinger) {
  struct {
    struct icmphdr header;
    char payload[56];
  } request = {.header = {.type = ICMP_ECHO}};
  struct {
    struct iphdr ip;
    struct icmphdr header;
    char payload[56];
  } reply;

  request.header.un.echo.id = pinger->id;
  request.header.un.echo.sequence = ++pinger->sequence;
  request.header.checksum = checksum((const unsigned short*)&request, sizeof(request) / 2);
  if (send(pinger->socket, &request, sizeof(request), 0) < 0) fail("ping");
  do {
    if (recv(pinger->socket, &reply, sizeof(reply), 0) < 0) fail("ping");
  } while (reply.header.un.echo.id != pinger->id ||
           reply.header.un.echo.sequence != pinger->sequence);
}

struct writer {
  int file;
  void* block;
  unsigned next;
};

static void open_writer(struct writer* writer, const char* path, unsigned first, int flags) {
  writer->file = open(path, O_WRONLY | flags);
  if (writer->file < 0) fail(path);
  if (posix_memalign(&writer->block, BLOCK, BLOCK)) fail("memory");
  memset(writer->block, 'x', BLOCK);
  writer->next = first;
}

static void write_block(struct writer* writer) {
  off_t offset = (off_t)(writer->next++ % BLOCKS) * BLOCK;
  if (pwrite(writer->file, writer->block, BLOCK, offset) != BLOCK) fail("write");
}

static void write_buffered(struct writer* writer) {
  write_block(writer);
  if (writer->next % BLOCKS == 0 && fdatasync(writer->file)) fail("fdatasync");
}

struct work {
  int cpu, pipe, datagrams, listens, pings, writes, buffered;
  const char* file;
};

static void* work(void* argument) {
  const struct work* work = argument;
  struct pair pair = {0};
  struct datagrams datagrams = {0};
  struct pinger pinger = {0};
  struct writer writer = {0};

  pin(work->cpu);
  if (work->pipe) open_pair(&pair, work->cpu);
  if (work->datagrams) open_datagrams(&datagrams, work->listens);
  if (work->pings) open_pinger(&pinger, work->cpu);
  if (work->writes) open_writer(&writer, work->file, work->cpu * BLOCKS / 2, O_DIRECT);
  if (work->buffered) open_writer(&writer, work->file, 0, 0);
  for (;;) {
    for (int i = 0; i < work->pipe; i++) round_trip(&pair);
    for (int i = 0; i < work->datagrams; i++) exchange(&datagrams);
    for (int i = 0; i < work->pings; i++) ping(&pinger);
    for (int i = 0; i < work->writes; i++) write_block(&writer);
    for (int i = 0; i < work->buffered; i++) write_buffered(&writer);
    atomic_fetch_add_explicit(&done, 1, memory_order_relaxed);
  }
  return NULL;
}

static void start(const struct work* what) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, (void*)what)) fail("pthread_create");
}

static long long now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void answer(void) {
  char line[64];
  while (fgets(line, sizeof(line), stdin)) {
    printf("%lu %lld\n", atomic_load(&done), now(CLOCK_PROCESS_CPUTIME_ID));
    fflush(stdout);
  }
}

/* Busy threads; the ones that are free also sleep now and then, so that they are moved about. */
struct waiter {
  pthread_t thread;
  int cpu, seconds;
  unsigned long long waited;
};

static pthread_barrier_t barrier;

static unsigned long long waited_so_far(void) {
  char path[64];
  unsigned long long ran, waited;

  snprintf(path, sizeof(path), "/proc/self/task/%ld/schedstat", syscall(SYS_gettid));
  FILE* file = fopen(path, "r");
  if (!file || fscanf(file, "%llu %llu", &ran, &waited) != 2) fail(path);
  fclose(file);
  return waited;
}

static void* wait_busily(void* argument) {
  struct waiter* waiter = argument;

  if (waiter->cpu >= 0) pin(waiter->cpu);
  unsigned long long before = waited_so_far();
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  long long end = now(CLOCK_MONOTONIC) + waiter->seconds * 1000000000LL;
  while (now(CLOCK_MONOTONIC) < end) {
    long long nap = now(CLOCK_MONOTONIC) + 3000000;
    while (now(CLOCK_MONOTONIC) < nap) continue;
    if (waiter->cpu < 0) usleep(500);
  }
  waiter->waited = waited_so_far() - before;
  pthread_barrier_wait(&barrier);
  return NULL;
}

static void wait_in_threads(int threads, int pinned, int seconds) {
  static struct waiter waiters[MAX_THREADS];
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  unsigned long long waited = 0;
  char line[64];

  if (threads > MAX_THREADS) threads = MAX_THREADS;
  pthread_barrier_init(&barrier, NULL, threads + 1);
  for (int i = 0; i < threads; i++) {
    waiters[i].cpu = pinned ? i % cpus : -1;
    waiters[i].seconds = seconds;
    if (pthread_create(&waiters[i].thread, NULL, wait_busily, &waiters[i])) fail("pthread_create");
  }
  pthread_barrier_wait(&barrier);
  puts("ready");
  fflush(stdout);
  if (!fgets(line, sizeof(line), stdin)) return;
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < threads; i++) waited += waiters[i].waited;
  printf("%llu\n", waited);
  fflush(stdout);
  if (!fgets(line, sizeof(line), stdin)) return;
}

static void mixed(const char* file) {
  static struct work works[MAX_THREADS];
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);

  for (int cpu = 0; cpu < cpus && cpu < MAX_THREADS; cpu++) {
    works[cpu] = (struct work){.cpu = cpu, .pipe = 20, .pings = 20, .writes = 1, .file = file};
    start(&works[cpu]);
  }
}

int main(int argc, char** argv) {
  static struct work single;
  const char* mode = argc > 2 ? argv[1] : "";

  if (!strcmp(mode, "wait") && argc == 5) {
    wait_in_threads(atoi(argv[2]), !strcmp(argv[3], "pinned"), atoi(argv[4]));
    return 0;
  }
  if (!strcmp(mode, "mixed")) {
    mixed(argv[2]);
    answer();
    return 0;
  }
  single.cpu = argc > 2 ? atoi(argv[2]) : 0;
  single.pipe = !strcmp(mode, "pipe");
  single.datagrams = !strcmp(mode, "udp") || !strcmp(mode, "drop");
  single.listens = !strcmp(mode, "udp");
  single.writes = !strcmp(mode, "write") && argc == 4;
  single.buffered = !strcmp(mode, "buffered") && argc == 4;
  single.file = argc == 4 ? argv[3] : NULL;
  if (!single.pipe && !single.datagrams && !single.writes && !single.buffered) {
    fprintf(stderr, "usage: load MODE ...; the modes stand at the top of load.c\n");
    return 2;
  }
  start(&single);
  answer();
  return 0;
}

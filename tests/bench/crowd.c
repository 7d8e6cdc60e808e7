// SPDX-License-Identifier: Apache-2.0
/*
 *   crowd PROCESSES NAMESPACES
 *
 * So many sleeping processes; the first ones have a network namespace each, whose loopback dropped
 * one packet. Says "ready" when all are there and ends with stdin, and they with it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char* what) {
  perror(what);
  exit(1);
}

/* A datagram to a port that nobody listens on. */
static void drop_a_packet(void) {
  const struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9)};
  struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);

  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &loopback)) fail("lo");
  if (sendto(fd, "", 1, 0, (const struct sockaddr*)&address, sizeof(address)) < 0) fail("sendto");
  close(fd);
}

static void live(int in_namespace, int ready) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGTERM, SIG_DFL);
  if (in_namespace) {
    if (unshare(CLONE_NEWNET)) fail("unshare");
    drop_a_packet();
  }
  if (write(ready, "", 1) != 1) fail("pipe");
  close(ready);
  for (;;) pause();
}

static void on_end(int number) { (void)number; }

int main(int argc, char** argv) {
  /* Reading stdin is interrupted by it. */
  const struct sigaction end = {.sa_handler = on_end};
  int processes = argc == 3 ? atoi(argv[1]) : 0, ready[2];
  pid_t* pids = calloc(processes + 1, sizeof(*pids));
  char byte;

  if (processes < 1) {
    fprintf(stderr, "usage: crowd PROCESSES NAMESPACES\n");
    return 2;
  }
  if (!pids || pipe(ready) || sigaction(SIGTERM, &end, NULL)) fail("crowd");
  for (int i = 0; i < processes; i++) {
    pids[i] = fork();
    if (pids[i] < 0) fail("fork");
    if (!pids[i]) live(i < atoi(argv[2]), ready[1]);
  }
  close(ready[1]);
  for (int i = 0; i < processes; i++)
    if (read(ready[0], &byte, 1) != 1) fail("a process ended");
  puts("ready");
  fflush(stdout);
  if (read(STDIN_FILENO, &byte, 1) < 0) byte = 0;
  for (int i = 0; i < processes; i++) kill(pids[i], SIGKILL);
  while (wait(NULL) > 0) continue;
  return 0;
}

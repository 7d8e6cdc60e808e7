// SPDX-License-Identifier: Apache-2.0
/* One file of a FUSE file system whose chosen reads and writes fail or take time: below a loop
 * device it is a medium that goes bad. fault_file BACKING MOUNT serves MOUNT/disk until it is told
 * to end.
 *
 * Commands come by stdin, one a line, each answered by "ok":
 *   fail write|read OFFSET LENGTH ERRNO   requests that touch this range fail
 *   delay MILLISECONDS                    every write takes so much longer
 *   clear                                 back to healthy
 * A failed request is told on stdout: hit write|read OFFSET LENGTH ERRNO
 */
#define FUSE_USE_VERSION 35
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DISK "/disk"
#define MAX_FAULTS 16

struct fault {
  char operation[8];
  long long offset;
  long long length;
  int error;
};

static int backing;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* State below is protected by mutex. */
static struct fault faults[MAX_FAULTS];
static int fault_count;
static long delay_ms;

/* The negated errno of the first fault in the range, 0 for none. */
static int fault_of(const char* operation, off_t offset, size_t size) {
  int error = 0;

  pthread_mutex_lock(&mutex);
  for (int i = 0; i < fault_count && !error; i++) {
    const struct fault* fault = &faults[i];

    if (strcmp(fault->operation, operation) != 0) continue;
    if (offset < fault->offset + fault->length && fault->offset < offset + (off_t)size)
      error = -fault->error;
  }
  if (error) printf("hit %s %lld %zu %d\n", operation, (long long)offset, size, -error);
  pthread_mutex_unlock(&mutex);
  return error;
}

static void pause_write(void) {
  struct timespec time;

  pthread_mutex_lock(&mutex);
  time.tv_sec = delay_ms / 1000;
  time.tv_nsec = delay_ms % 1000 * 1000000;
  pthread_mutex_unlock(&mutex);
  nanosleep(&time, NULL);
}

static int get_attributes(const char* path, struct stat* status, struct fuse_file_info* info) {
  (void)info;
  memset(status, 0, sizeof(*status));
  if (strcmp(path, "/") == 0) {
    status->st_mode = S_IFDIR | 0700;
    status->st_nlink = 2;
    return 0;
  }
  if (strcmp(path, DISK) != 0) return -ENOENT;
  return fstat(backing, status) ? -errno : 0;
}

/* Past the page cache: each request of the device comes through, and its error goes back. */
static int open_disk(const char* path, struct fuse_file_info* info) {
  if (strcmp(path, DISK) != 0) return -ENOENT;
  info->direct_io = 1;
  return 0;
}

static int read_disk(const char* path, char* data, size_t size, off_t offset,
                     struct fuse_file_info* info) {
  const int error = fault_of("read", offset, size);
  ssize_t done;

  (void)path;
  (void)info;
  if (error) return error;
  done = pread(backing, data, size, offset);
  return done < 0 ? -errno : (int)done;
}

static int write_disk(const char* path, const char* data, size_t size, off_t offset,
                      struct fuse_file_info* info) {
  const int error = fault_of("write", offset, size);
  ssize_t done;

  (void)path;
  (void)info;
  pause_write();
  if (error) return error;
  done = pwrite(backing, data, size, offset);
  return done < 0 ? -errno : (int)done;
}

static int sync_disk(const char* path, int data_only, struct fuse_file_info* info) {
  (void)path;
  (void)data_only;
  (void)info;
  return 0;
}

static const struct fuse_operations operations = {
    .getattr = get_attributes,
    .open = open_disk,
    .read = read_disk,
    .write = write_disk,
    .fsync = sync_disk,
};

static void obey(const char* line) {
  struct fault fault;
  int known = 1;

  pthread_mutex_lock(&mutex);
  if (sscanf(line, "fail %7s %lld %lld %d", fault.operation, &fault.offset, &fault.length,
             &fault.error) == 4 &&
      fault_count < MAX_FAULTS) {
    faults[fault_count++] = fault;
  } else if (strncmp(line, "clear", 5) == 0) {
    fault_count = 0;
    delay_ms = 0;
  } else {
    known = sscanf(line, "delay %ld", &delay_ms) == 1;
  }
  puts(known ? "ok" : "unknown command");
  pthread_mutex_unlock(&mutex);
}

static void* read_commands(void* unused) {
  char line[128];

  while (fgets(line, sizeof(line), stdin)) obey(line);
  return unused;
}

int main(int count, char** arguments) {
  /* One request at a time, as a simple medium does. */
  char* fuse_arguments[] = {arguments[0], "-f", "-s", arguments[2], NULL};
  pthread_t reader;

  if (count != 3) return 2;
  backing = open(arguments[1], O_RDWR | O_CLOEXEC);
  if (backing < 0) {
    perror(arguments[1]);
    return 1;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (pthread_create(&reader, NULL, read_commands, NULL)) return 1;
  return fuse_main(4, fuse_arguments, &operations, NULL);
}

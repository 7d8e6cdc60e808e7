// SPDX-License-Identifier: Apache-2.0
#include "ota/model/clock.h"

#include <ctime>

#include "host/text_file.h"

namespace kernel_exporter {
namespace {

int64_t read_clock_ns(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

}  // namespace

OtaMoment ota_now() {
  return {read_clock_ns(CLOCK_BOOTTIME), read_clock_ns(CLOCK_REALTIME) / 1'000'000};
}

Result<std::string> read_boot_id(const HostPaths& paths) {
  const std::string path = paths.procfs + "/sys/kernel/random/boot_id";
  auto text = read_text_file(path, 256);
  if (!text) return text;
  while (!text->empty() && text->back() == '\n') text->pop_back();
  if (text->empty()) return fail(path + ": is empty, expected a UUID");
  return text;
}

}  // namespace kernel_exporter

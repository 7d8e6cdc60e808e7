// SPDX-License-Identifier: Apache-2.0
// softirq, errno: tables that are part of the kernel's ABI.
#include <cstring>
#include <iterator>

#include "base/error.h"
#include "labels/steps.h"

namespace kernel_exporter {
namespace {

using Key = std::span<const std::byte>;

// include/linux/interrupt.h, with the names of /proc/softirqs in lower case.
constexpr const char* kSoftirqs[] = {"hi",       "timer",   "net_tx", "net_rx",  "block",
                                     "irq_poll", "tasklet", "sched",  "hrtimer", "rcu"};

// include/linux/errno.h: never returned to user space by system calls, but seen by tracepoints.
const char* kernel_errno_name(int64_t number) {
  switch (number) {
    case 512:
      return "ERESTARTSYS";
    case 513:
      return "ERESTARTNOINTR";
    case 514:
      return "ERESTARTNOHAND";
    case 515:
      return "ENOIOCTLCMD";
    case 516:
      return "ERESTART_RESTARTBLOCK";
    case 517:
      return "EPROBE_DEFER";
    case kKernelNotSupported:
      return "ENOTSUPP";
    case 529:
      return "EIOCBQUEUED";
    default:
      return nullptr;
  }
}

const char* errno_name(int64_t number) {
  constexpr int64_t kMaxErrno = 4095;  // include/linux/err.h
  if (number <= 0 || number > kMaxErrno) return nullptr;
  const char* const name = ::strerrorname_np(static_cast<int>(number));
  return name ? name : kernel_errno_name(number);
}

}  // namespace

MadeDecoder make_softirq(const Arguments&, const DecoderContext&) {
  return make_step([](Value& value, Key) {
    const std::optional<uint64_t> number = unsigned_of(value);
    if (number && *number < std::size(kSoftirqs)) set_text(value, kSoftirqs[*number]);
  });
}

MadeDecoder make_errno(const Arguments&, const DecoderContext&) {
  return make_step([](Value& value, Key) {
    const std::optional<int64_t> number = signed_of(value);
    if (!number || *number == INT64_MIN) return;
    if (const char* const name = errno_name(*number < 0 ? -*number : *number)) {
      set_text(value, name);
    }
  });
}

}  // namespace kernel_exporter

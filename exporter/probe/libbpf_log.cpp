// SPDX-License-Identifier: Apache-2.0
#include "probe/libbpf_log.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <utility>

namespace kernel_exporter {
namespace {

constexpr size_t kKept = size_t{16} * 1024;

// libbpf calls back in the thread that called it, so each thread has its own complaints.
thread_local std::string complaints;

int keep(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  va_list again;
  va_copy(again, arguments);
  const int length = vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return 0;
  std::string text(static_cast<size_t>(length) + 1, '\0');
  vsnprintf(text.data(), text.size(), format, arguments);
  text.pop_back();
  complaints += text;
  if (complaints.size() > kKept) complaints.erase(0, complaints.size() - kKept);
  return length;
}

}  // namespace

void capture_libbpf_log() {
  static std::once_flag once;
  std::call_once(once, [] { libbpf_set_print(keep); });
}

std::string take_libbpf_log() { return std::exchange(complaints, {}); }

}  // namespace kernel_exporter

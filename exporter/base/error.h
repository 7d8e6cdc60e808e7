// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace kernel_exporter {

// What the world can cause. `message` is one line without a trailing newline and names the culprit
// (file:line, map, program, device) and, where there is one, the remedy.
struct Error {
  std::string message;
};

// Result<T> r = f();  if (!r) return fail(r.error(), "while ...");  use(*r);
template <typename T>
using Result = tl::expected<T, Error>;

// Makes one line of any message.
[[nodiscard]] tl::unexpected<Error> fail(std::string_view message);

// Prefixes an error with its context: "context: message".
[[nodiscard]] tl::unexpected<Error> fail(const Error& error, std::string_view context);

// ENOTSUPP of include/linux/errno.h: seen by user space from bpf(2), but not in libc's table.
constexpr int kKernelNotSupported = 524;

// "what: strerror(error_number)". Pass errno at once, before anything else can change it. Also
// accepts the negated errno that libbpf returns.
[[nodiscard]] tl::unexpected<Error> fail_errno(int error_number, std::string_view what);

// strerror of a positive or negated errno, thread-safe; knows the kernel-only ENOTSUPP (524).
std::string errno_text(int error_number);

}  // namespace kernel_exporter

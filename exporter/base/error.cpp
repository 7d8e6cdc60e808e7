// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cstdlib>
#include <cstring>

#include "base/utf8.h"

namespace kernel_exporter {

// What is named in a message may come from a file or a device, and hold anything.
tl::unexpected<Error> fail(std::string_view message) {
  return tl::unexpected<Error>(Error{printable(message)});
}

tl::unexpected<Error> fail(const Error& error, std::string_view context) {
  return fail(std::string(context) + ": " + error.message);
}

tl::unexpected<Error> fail_errno(int error_number, std::string_view what) {
  return fail(std::string(what) + ": " + errno_text(error_number));
}

std::string errno_text(int error_number) {
  const int number = std::abs(error_number);
  if (number == kKernelNotSupported) return "Operation not supported by the kernel (ENOTSUPP)";
  char buffer[128];
  return strerror_r(number, buffer, sizeof buffer);
}

}  // namespace kernel_exporter

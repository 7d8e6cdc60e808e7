// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "base/error.h"

namespace kernel_exporter {

// Of something that is tried again and again: logs what is new, so that a failure that repeats does
// not fill the journal. Not thread-safe.
class RetryLog {
 public:
  // `what` begins each line.
  explicit RetryLog(std::string what) : what_(std::move(what)) {}

  // Logs a reason that was not logged since it last worked. Whether it did.
  bool failed(const std::string& why);
  // Logs it after a failure. Whether it did.
  bool worked();

  template <typename T>
  void tried(const Result<T>& result) {
    if (result) {
      worked();
    } else {
      failed(result.error().message);
    }
  }

 private:
  const std::string what_;
  std::set<std::string> logged_;
};

}  // namespace kernel_exporter

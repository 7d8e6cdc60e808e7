// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/spdlog.h>

#include "base/error.h"

namespace kernel_exporter {

// For an operation that is retried: logs the first of consecutive failures.
class FailureLog {
 public:
  template <typename T>
  void update(const Result<T>& result) {
    if (!result && !failing_) spdlog::warn("updates: {}", result.error().message);
    failing_ = !result;
  }

 private:
  bool failing_ = false;
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/spdlog.h>

#include "base/error.h"

namespace kernel_exporter {

// Of something that is tried again and again: logs the first failure of each row of them.
class Complaint {
 public:
  template <typename T>
  void hear(const Result<T>& result) {
    if (!result && !said_) spdlog::warn("updates: {}", result.error().message);
    said_ = !result;
  }

 private:
  bool said_ = false;
};

}  // namespace kernel_exporter

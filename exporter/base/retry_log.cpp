// SPDX-License-Identifier: Apache-2.0
#include "base/retry_log.h"

#include "base/log.h"

namespace kernel_exporter {
namespace {

// Reasons that never end are worth no more lines.
constexpr size_t kMaxReasons = 8;

}  // namespace

bool RetryLog::failed(const std::string& why) {
  if (logged_.size() >= kMaxReasons || !logged_.insert(why).second) return false;
  spdlog::warn("{}: {}", what_, why);
  return true;
}

bool RetryLog::worked() {
  if (logged_.empty()) return false;
  logged_.clear();
  spdlog::info("{}: works again", what_);
  return true;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/model/transaction.h"

#include <algorithm>

namespace kernel_exporter {

bool OtaTransaction::has_device(std::string_view kernel_name) const {
  return std::any_of(devices.begin(), devices.end(), [&](const OtaDevice& device) {
    return !device.name.empty() && device.name == kernel_name;
  });
}

void OtaTransaction::account(int64_t boottime_ns) {
  const int64_t passed = boottime_ns - since_ns;
  if (!open() || passed <= 0) return;
  for (size_t i = 0; i < states.size(); ++i) {
    if (states.test(i)) state_ns[i] += passed;
  }
  elapsed_ns += passed;
  since_ns = boottime_ns;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/unique_fd.h"
#include "private_network.h"

namespace kernel_exporter {

// Receivers on lo of the thread's network namespace whose BPF socket filters keep the net_rx
// softirq busy until the time (CLOCK_MONOTONIC, ns) that a frame begins with.
class SlowReceiver {
 public:
  SlowReceiver();

  // The softirq runs on this CPU before it returns, for as long as that.
  void hold_net_rx(uint64_t nanoseconds);

 private:
  std::vector<FrameSocket> receivers_;
  FrameSocket sender_;
};

}  // namespace kernel_exporter

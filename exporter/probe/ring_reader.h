// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"

struct ring_buffer;

namespace kernel_exporter {

// Reads BPF ring buffers. One thread at a time, but for fd().
class RingReader {
 public:
  using Handler = std::function<void(std::span<const std::byte> event)>;

  RingReader() = default;

  // The descriptor stays the caller's; `handler` gets each event of that ring in order.
  [[nodiscard]] Result<void> add(int map_fd, Handler handler);

  // Can be read while a ring has events; -1 without any ring.
  int fd() const;

  // Hands out everything that has come, without waiting.
  void drain();

 private:
  struct Free {
    void operator()(ring_buffer* rings) const;
  };

  std::vector<std::unique_ptr<Handler>> handlers_;
  std::unique_ptr<ring_buffer, Free> rings_;
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <thread>

#include "base/error.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "host/paths.h"
#include "ota/tracker/tracker.h"
#include "probe/object.h"
#include "probe/ring_reader.h"

namespace kernel_exporter {

// Hands what the probes otafail and reboot report to the tracker, at once: a thread sleeps until
// there is something, and without these probes there is no thread. Thread-safe.
class OtaKernelEvents {
 public:
  // The tracker must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<OtaKernelEvents>> create(
      std::shared_ptr<const Generation> generation, OtaTracker& tracker, HostPaths paths);
  ~OtaKernelEvents();

  // What has happened by now is with the tracker when this returns.
  void drain();

 private:
  OtaKernelEvents(std::shared_ptr<const Generation> generation, OtaTracker& tracker,
                  HostPaths paths);
  Result<void> open();
  void process_failed(std::span<const std::byte> event);
  void reboot_asked(std::span<const std::byte> event);
  void run(int rings);  // until stop_; `rings` is readable when rings_ has something

  const std::shared_ptr<const Generation> generation_;  // its rings are read
  OtaTracker& tracker_;
  const HostPaths paths_;
  UniqueFd stop_;

  Mutex mutex_;
  RingReader rings_ GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace kernel_exporter

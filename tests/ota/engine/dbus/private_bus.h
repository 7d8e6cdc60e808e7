// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include <string>

#include "../../../host/temporary_tree.h"

namespace kernel_exporter {

// A real dbus-daemon of one's own.
class PrivateBus {
 public:
  PrivateBus();
  ~PrivateBus() { stop(); }

  void start();  // returns when clients can connect
  void stop();
  std::string address() const { return "unix:path=" + tree_.path("bus"); }

 private:
  const TemporaryTree tree_;
  pid_t pid_ = 0;
};

// A connection to it, for a test that plays a service.
sd_bus* connect_to_bus(const std::string& address);

}  // namespace kernel_exporter

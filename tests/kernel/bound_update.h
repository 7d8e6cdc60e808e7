// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "block_device.h"
#include "cgroup_directory.h"
#include "child_process.h"
#include "exporter_process.h"
#include "update.h"

namespace kernel_exporter {

// The exporter with rules/events-full, following updates: one at a time, of the engine "test", to a
// loop device or another one, and by the processes of a cgroup.
class BoundUpdate {
 public:
  explicit BoundUpdate(const std::string& name);  // of the cgroup

  void begin() { begin(device()); }
  void begin(const std::string& device);
  // Ends it as failed; the cause that the exporter found.
  std::string fail();
  std::string history() const;

  // A process of the update, or of nobody. `body` makes system calls only.
  template <typename Body>
  ChildProcess inside(Body body) const {
    const std::string place = cgroup_.processes_file();
    return ChildProcess([place = place.c_str(), body = std::move(body)] {
      enter(place);
      body();
    });
  }

  ExporterProcess& exporter() { return exporter_; }
  const std::string& device() const { return loop_.name(); }

 private:
  static void enter(const char* processes_file);

  MemoryFileSystem folder_;
  LoopDevice loop_;
  CgroupDirectory cgroup_;
  Update agent_;
  ExporterProcess exporter_;
};

}  // namespace kernel_exporter

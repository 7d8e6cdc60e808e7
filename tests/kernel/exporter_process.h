// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "child_process.h"
#include "samples.h"

namespace kernel_exporter {

// The exporter's rule files, by the profile's folder and the probe's name.
std::string default_rules(const std::string& probe);  // rules/events/PROBE.yaml
std::string full_rules(const std::string& probe);     // rules/events-full/PROBE.yaml

// The real program, serving on a port of 127.0.0.1 that it chose, in the network namespace that the
// thread was in. Its messages go to our standard error.
class ExporterProcess {
 public:
  // Returns once it serves; throws if it does not.
  explicit ExporterProcess(const std::vector<std::string>& rules,
                           const std::vector<std::string>& options = {});
  ~ExporterProcess();

  pid_t pid() const { return process_->pid(); }
  Samples scrape() const;  // throws unless the whole of it came

  // Scrapes until the condition holds, for numbers that the kernel may still be adding to, or for
  // 20 s; returns the last scrape either way, for the test to compare.
  Samples scrape_until(const std::function<bool(const Samples&)>& condition) const;

  int stop();  // by SIGTERM; the exit code

 private:
  void relay(int messages);
  void wait_until_listening();

  std::optional<ChildProcess> process_;
  std::thread reader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // State below is protected by mutex_ until the constructor returns.
  int port_ = 0;
  bool ended_ = false;
};

}  // namespace kernel_exporter

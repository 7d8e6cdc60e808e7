// SPDX-License-Identifier: Apache-2.0
#include "schedstat.h"

#include <cctype>
#include <filesystem>
#include <string>

#include "text.h"

namespace kernel_exporter {
namespace {

double second_field(const std::string& schedstat) {
  return std::stod(words(schedstat).at(1)) / 1e9;
}

}  // namespace

double run_delay(pid_t task) {
  return second_field(read_text("/proc/" + std::to_string(task) + "/schedstat"));
}

RunDelays all_run_delays() {
  namespace fs = std::filesystem;
  RunDelays delays;
  for (const auto& process : fs::directory_iterator("/proc")) {
    if (!std::isdigit(static_cast<unsigned char>(process.path().filename().string()[0]))) continue;
    std::error_code gone;
    for (const auto& task : fs::directory_iterator(process.path() / "task", gone)) {
      try {
        delays[std::stoi(task.path().filename())] =
            second_field(read_text(task.path() / "schedstat"));
      } catch (const std::exception&) {
        continue;  // ended while we looked
      }
    }
  }
  return delays;
}

double increase(const RunDelays& before, const RunDelays& after) {
  double sum = 0;
  for (const auto& [task, delay] : after) {
    const auto old = before.find(task);
    const bool same = old != before.end() && old->second <= delay;
    sum += same ? delay - old->second : delay;
  }
  return sum;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "exporter_process.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/unique_fd.h"
#include "http/http_client.h"
#include "text.h"

namespace kernel_exporter {
namespace {

using Clock = std::chrono::steady_clock;

// An emulated machine parses the kernel's BTF in ten seconds and more.
constexpr auto kStartPatience = std::chrono::seconds(120);
constexpr auto kPatience = std::chrono::seconds(20);
constexpr auto kPollInterval = std::chrono::milliseconds(20);

std::vector<std::string> serve_command(const std::vector<std::string>& rules,
                                       const std::vector<std::string>& options) {
  std::vector<std::string> command = {KERNEL_EXPORTER_BINARY, "serve", "--web.listen-address",
                                      "127.0.0.1:0"};
  for (const std::string& file : rules) command.insert(command.end(), {"--rules", file});
  command.insert(command.end(), options.begin(), options.end());
  return command;
}

// 0 when the line says nothing of a port.
int port_in(const std::string& line) {
  constexpr char kBefore[] = "listening on http://127.0.0.1:";
  const size_t at = line.find(kBefore);
  return at == std::string::npos ? 0 : std::atoi(line.c_str() + at + sizeof kBefore - 1);
}

}  // namespace

std::string default_rules(const std::string& probe) {
  return std::string(KERNEL_EXPORTER_SOURCE_DIR "/rules/events/") + probe + ".yaml";
}

std::string full_rules(const std::string& probe) {
  return std::string(KERNEL_EXPORTER_SOURCE_DIR "/rules/events-full/") + probe + ".yaml";
}

ExporterProcess::ExporterProcess(const std::vector<std::string>& rules,
                                 const std::vector<std::string>& options) {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe");
  {
    const UniqueFd input(ends[1]);
    process_.emplace(serve_command(rules, options), STDERR_FILENO, input.get());
  }
  reader_ = std::thread([this, output = ends[0]] { relay(output); });
  wait_until_listening();
}

ExporterProcess::~ExporterProcess() {
  if (process_) stop();
}

int ExporterProcess::stop() {
  const int code = process_->end(SIGTERM);
  process_.reset();
  reader_.join();
  return code;
}

// Ends with the exporter, which has the only other end.
void ExporterProcess::relay(int messages) {
  std::FILE* const stream = ::fdopen(messages, "r");
  char line[4096];
  while (std::fgets(line, sizeof line, stream) != nullptr) {
    const std::lock_guard lock(mutex_);
    if (port_ == 0 && (port_ = port_in(line)) != 0) {
      changed_.notify_all();
    } else {
      std::fprintf(stderr, "  exporter: %s", line);
    }
  }
  std::fclose(stream);
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void ExporterProcess::wait_until_listening() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kStartPatience, [this] { return port_ != 0 || ended_; });
  if (port_ != 0) return;
  lock.unlock();
  stop();
  give_up_plainly(KERNEL_EXPORTER_BINARY " does not serve");
}

Samples ExporterProcess::scrape() const {
  const auto reply = http_get(port_, "/metrics");
  if (!reply || reply->status != 200) give_up_plainly("no answer to GET /metrics");
  return Samples(reply->body);
}

Samples ExporterProcess::scrape_until(const std::function<bool(const Samples&)>& condition) const {
  const auto deadline = Clock::now() + kPatience;
  for (;;) {
    Samples samples = scrape();
    if (condition(samples) || Clock::now() > deadline) return samples;
    std::this_thread::sleep_for(kPollInterval);
  }
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
// What is logged while a test runs.
#pragma once

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace kernel_exporter {

// From its construction to its end, in place of the default logger. It must outlive the threads
// that log. Safe to ask from any thread.
class LoggedLines {
 public:
  LoggedLines() : before_(spdlog::default_logger()), sink_(std::make_shared<Sink>()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink_));
  }
  ~LoggedLines() { spdlog::set_default_logger(before_); }
  LoggedLines(const LoggedLines&) = delete;
  LoggedLines& operator=(const LoggedLines&) = delete;

  // As "LEVEL: TEXT".
  std::vector<std::string> lines() const { return sink_->lines(); }
  size_t count(const std::string& part) const {
    const auto all = lines();
    return static_cast<size_t>(std::count_if(all.begin(), all.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos;
    }));
  }
  void await_first() { sink_->await_first(); }
  void clear() { sink_->clear(); }

 private:
  class Sink : public spdlog::sinks::base_sink<std::mutex> {
   public:
    std::vector<std::string> lines() {
      const std::lock_guard lock(mutex_);
      return lines_;
    }
    void await_first() {
      std::unique_lock lock(mutex_);
      logged_.wait(lock, [this] { return !lines_.empty(); });
    }
    void clear() {
      const std::lock_guard lock(mutex_);
      lines_.clear();
    }

   protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
      const auto level = spdlog::level::to_string_view(message.level);
      lines_.push_back(std::string(level.data(), level.size()) + ": " +
                       std::string(message.payload.data(), message.payload.size()));
      logged_.notify_all();
    }
    void flush_() override {}

   private:
    std::condition_variable logged_;
    std::vector<std::string> lines_;
  };

  const std::shared_ptr<spdlog::logger> before_;
  const std::shared_ptr<Sink> sink_;
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ota/engine/engine.h"

namespace kernel_exporter {

template <typename What>
bool is(const EngineEvent& event) {
  return std::holds_alternative<What>(event.what);
}

template <typename What>
size_t count_of(const std::vector<EngineEvent>& events) {
  return static_cast<size_t>(std::count_if(events.begin(), events.end(), is<What>));
}

// An event as one line: "started downloading", "works applying 0.25 500/1000 version 2.0",
// "installed version 2.0", "failed verify_failed: why", "gone: why", "booted version 1.0". The
// cause engine_error is left out.
inline std::string text_of(const EngineWorked& worked) {
  std::string text;
  for (const OtaState state : worked.states) {
    text += (text.empty() ? " " : "+") + std::string(name_of(state));
  }
  if (worked.progress) text += fmt::format(" {:.2f}", *worked.progress);
  if (worked.payload_bytes) {
    text += fmt::format(" {}/{}", worked.downloaded_bytes.value_or(0), *worked.payload_bytes);
  }
  return text + (worked.version.empty() ? "" : " version " + worked.version);
}

inline std::string text_of(const EngineEvent& event) {
  struct Text {
    std::string operator()(const EngineStarted& started) {
      return "started" + text_of(started.work);
    }
    std::string operator()(const EngineWorked& worked) { return "works" + text_of(worked); }
    std::string operator()(const EngineInstalled& installed) {
      return "installed" + version(installed.version) + detail(installed.detail);
    }
    std::string operator()(const EngineFailed& failed) {
      const bool claimed = failed.cause != OtaCause::kEngineError;
      return "failed" + (claimed ? " " + std::string(name_of(failed.cause)) : "") +
             detail(failed.detail);
    }
    std::string operator()(const EngineGone& gone) { return "gone" + detail(gone.detail); }
    std::string operator()(const EngineBooted& booted) {
      return "booted" + version(booted.version);
    }

    static std::string version(const std::string& text) {
      return text.empty() ? "" : " version " + text;
    }
    static std::string detail(const std::string& text) { return text.empty() ? "" : ": " + text; }
  };
  return std::visit(Text(), event.what);
}

inline std::vector<std::string> texts_of(const std::vector<EngineEvent>& events) {
  std::vector<std::string> texts;
  for (const EngineEvent& event : events) texts.push_back(text_of(event));
  return texts;
}

// What an adapter reports, for a test that waits for it. Thread-safe.
class EngineEvents {
 public:
  using Condition = std::function<bool(const std::vector<EngineEvent>&)>;
  static constexpr std::chrono::seconds kPatience{20};

  EngineListener listener() {
    return [this](const EngineEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
      news_.notify_all();
    };
  }

  // The first event of this kind, which is taken with all before it; nothing when there is none.
  template <typename What>
  std::optional<What> take() {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(events_.begin(), events_.end(), is<What>);
    if (found == events_.end()) return {};
    std::optional<What> what = std::get<What>(found->what);
    events_.erase(events_.begin(), found + 1);
    return what;
  }

  // Whether the condition became true, or was, within the patience of a test.
  bool reach(const Condition& condition) {
    std::unique_lock lock(mutex_);
    return news_.wait_for(lock, kPatience, [&] { return condition(events_); });
  }
  template <typename What>
  bool end_with() {
    return reach([](const auto& events) { return !events.empty() && is<What>(events.back()); });
  }
  template <typename What>
  bool reach_count(size_t count) {
    return reach([&](const auto& events) { return count_of<What>(events) == count; });
  }

  std::vector<EngineEvent> all() {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  template <typename What>
  size_t count() {
    return count_of<What>(all());
  }

 private:
  std::mutex mutex_;
  std::condition_variable news_;
  // State below is protected by mutex_.
  std::vector<EngineEvent> events_;
};

}  // namespace kernel_exporter

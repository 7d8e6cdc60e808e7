// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ota/engine/engine.h"
#include "ota/engine/swupdate/swupdate_message.h"

namespace kernel_exporter {

// SWUpdate's words in ours, message by message, over all processes that the engine has in turn.
class SwupdateWords {
 public:
  explicit SwupdateWords(std::string engine) : engine_(std::move(engine)) {}

  // A connection to the engine's process was made; `pid` 0: not known.
  void connected(pid_t pid) { pid_ = pid; }
  std::vector<EngineEvent> heard(const SwupdateProgress& message);
  std::vector<EngineEvent> heard(const SwupdateNotice& notice);
  // One socket has reported the end, and the other may still have its reason: call finish() once
  // neither has more messages.
  bool ending() const { return ending_.has_value(); }
  std::vector<EngineEvent> finish();
  // The process has ended.
  std::vector<EngineEvent> gone();

 private:
  using Events = std::vector<EngineEvent>;

  EngineEvent event(auto what) const { return {engine_, std::move(what)}; }
  void begin(Events& events, std::vector<OtaState> states);
  void work(Events& events, const SwupdateProgress& message);
  void end(Events& events, EngineEvent last);
  EngineEvent installed() const;
  EngineEvent failed(const std::string& otherwise) const;
  void remember(const std::string& text);

  const std::string engine_;
  pid_t pid_ = 0;

  bool active_ = false;
  bool described_ = false;  // the engine has read what the image holds
  EngineWorked last_;       // as last said
  std::optional<EngineEvent> ending_;
  std::string failure_;  // the engine's first words on it
  OtaCause cause_ = OtaCause::kNone;
  bool broke_off_ = false;  // the download
};

// What a line of SWUpdate's log at level error means; kNone: nothing in particular.
OtaCause swupdate_cause(std::string_view text);

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/swupdate/swupdate_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "ota/engine/transfer_error.h"

namespace kernel_exporter {
namespace {

using Status = SwupdateStatus;

constexpr uint32_t kHundred = 100;

// "ERROR : HASH mismatch ..." without what every such line begins with.
std::string words_of(std::string_view text) {
  constexpr std::string_view kPrefix = "ERROR : ";
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  return std::string(text);
}

// The engine says the version in {"0": {"VERSION" : "2.0"}}, once, after the start.
std::string version_in(const std::string& info) {
  const auto json = nlohmann::json::parse(info, nullptr, false);
  if (!json.is_object()) return "";
  for (const auto& entry : json) {
    if (!entry.is_object()) continue;
    const auto version = entry.find("VERSION");
    if (version != entry.end() && version->is_string()) return version->get<std::string>();
  }
  return "";
}

bool downloads(const SwupdateProgress& message) {
  const bool remote = message.source == SwupdateSource::kSuricatta ||
                      message.source == SwupdateSource::kDownloader ||
                      message.source == SwupdateSource::kChunksDownloader;
  return (remote || message.download_bytes > 0) && message.download_percent < kHundred;
}

// Streaming means both at once. Between the images, while the engine writes its boot environment,
// and when all is downloaded but not yet installed, it applies.
std::vector<OtaState> states_of(const SwupdateProgress& message) {
  std::vector<OtaState> states;
  if (downloads(message)) states.push_back(OtaState::kDownloading);
  if (message.steps == 0) {
    states = {OtaState::kVerifying};
  } else if (message.step > 0 || states.empty()) {
    states.push_back(OtaState::kApplying);
  }
  return states;
}

double progress_of(const SwupdateProgress& message) {
  if (message.step == 0 || message.steps == 0) return 0;
  const double done = (message.step - 1) + double(message.step_percent) / kHundred;
  return std::min(1.0, done / message.steps);
}

std::string place_of(const SwupdateProgress& message) {
  if (message.step == 0 || message.steps == 0) return "the image could not be read";
  return fmt::format("failed in step {} of {}", message.step, message.steps) +
         (message.image.empty() ? "" : " (" + message.image + ")");
}

// The download broke off; but for 23, which is the downloader that finds the installer gone. What
// is cut off does not match its checksum either.
bool broke_off(std::string_view text) {
  const auto says = [&](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  };
  return says("too many failed download attempts") ||
         (says("Channel operation returned error (") && !says("error (23)"));
}

}  // namespace

OtaCause swupdate_cause(std::string_view text) {
  // Of 2022.12; 28 is curl's number of a transfer that came to a standstill.
  constexpr std::array<std::pair<std::string_view, OtaCause>, 8> kTexts = {{
      {"HASH mismatch", OtaCause::kVerifyFailed},
      {"Checksum WRONG", OtaCause::kVerifyFailed},
      {"Signature verification failed", OtaCause::kVerifyFailed},
      {"Authentication of all signatures failed", OtaCause::kVerifyFailed},
      {"DER-encoded CMS signature", OtaCause::kVerifyFailed},
      {"Readback verification failed", OtaCause::kVerifyFailed},
      {"No space left on device", OtaCause::kNoSpace},
      {"returned error (28)", OtaCause::kNetworkStall},
  }};
  for (const auto& [part, cause] : kTexts) {
    if (text.find(part) != std::string_view::npos) return cause;
  }
  return tells_broken_transfer(text) ? OtaCause::kNetworkStall : OtaCause::kNone;
}

void SwupdateWords::begin(Events& events, std::vector<OtaState> states) {
  active_ = true;
  described_ = false;
  ending_.reset();
  failure_.clear();
  broke_off_ = false;
  cause_ = OtaCause::kNone;
  last_ = {};
  last_.states = std::move(states);
  EngineStarted started;
  started.work.states = last_.states;
  started.pid = pid_;
  events.push_back(event(std::move(started)));
}

// What has changed since it was last said.
void SwupdateWords::work(Events& events, const SwupdateProgress& message) {
  EngineWorked now = last_;
  now.states = states_of(message);
  now.progress = std::max(last_.progress.value_or(0), progress_of(message));
  if (message.download_bytes > 0) {
    now.payload_bytes = message.download_bytes;
    // Sizes near 2^64 do not overflow.
    now.downloaded_bytes = message.download_bytes / kHundred * message.download_percent +
                           message.download_bytes % kHundred * message.download_percent / kHundred;
  }
  const std::string version = version_in(message.info);
  if (!version.empty()) now.version = version;
  if (now == last_) return;
  last_ = now;
  events.push_back(event(std::move(now)));
}

void SwupdateWords::end(Events& events, EngineEvent last) {
  active_ = false;
  ending_.reset();
  events.push_back(std::move(last));
}

EngineEvent SwupdateWords::installed() const {
  return event(EngineInstalled{active_ ? last_.version : "", ""});
}

EngineEvent SwupdateWords::failed(const std::string& otherwise) const {
  EngineFailed failed;
  if (active_ && cause_ != OtaCause::kNone) failed.cause = cause_;
  failed.detail = active_ && !failure_.empty() ? failure_ : otherwise;
  return event(std::move(failed));
}

std::vector<EngineEvent> SwupdateWords::heard(const SwupdateProgress& message) {
  Events events;
  switch (message.status) {
    case Status::kIdle:
    case Status::kDone:
    case Status::kSubprocess:
      break;
    case Status::kStart:
      if (ending_ && described_) end(events, *ending_);
      if (active_ && described_) end(events, failed("another installation began"));
      if (!active_) begin(events, states_of(message));
      described_ = true;
      break;
    case Status::kSuccess:
      end(events, installed());
      break;
    case Status::kFailure:
      // The reason, or the downloader's word on it, may come after it.
      ending_ = failed(place_of(message));
      break;
    case Status::kDownload:
      // The first comes before the start, the last may come after the end; neither knows of steps.
      if (!active_ && message.steps > 0) begin(events, states_of(message));
      if (active_ && message.steps > 0) work(events, message);
      break;
    case Status::kRun:
    case Status::kProgress:
      // Without steps it introduces the failure of an image that could not even be read.
      if (!active_) begin(events, states_of(message));
      described_ = true;
      if (message.steps > 0) work(events, message);
      break;
  }
  return events;
}

std::vector<EngineEvent> SwupdateWords::heard(const SwupdateNotice& notice) {
  Events events;
  // Of one that goes on, the progress socket will tell the rest.
  const auto beginning = notice.answer ? Status::kRun : Status::kStart;
  if (!active_ && notice.status == beginning) begin(events, {});
  if (active_ && !described_ && notice.status == Status::kStart) {
    last_.states = {OtaState::kVerifying};
    events.push_back(event(last_));
  }
  if (!active_ || notice.answer) return events;
  if (notice.status == Status::kSuccess) ending_ = installed();
  if (notice.status != Status::kFailure) return events;
  remember(notice.text);
  if (notice.error != 0 || (ending_ && std::holds_alternative<EngineFailed>(ending_->what))) {
    ending_ = failed(notice.text);
  }
  return events;
}

// The first failure is the reason of those that follow, unless a later one can be understood, or is
// the reason of the first.
void SwupdateWords::remember(const std::string& text) {
  const OtaCause cause = swupdate_cause(text);
  const bool explains = broke_off(text) && !broke_off_;
  const bool tells_more = !broke_off_ && cause_ == OtaCause::kNone && cause != OtaCause::kNone;
  broke_off_ |= explains;
  if (!failure_.empty() && !explains && !tells_more) return;
  failure_ = words_of(text);
  cause_ = cause;
}

std::vector<EngineEvent> SwupdateWords::finish() {
  Events events;
  if (ending_) end(events, *ending_);
  return events;
}

std::vector<EngineEvent> SwupdateWords::gone() {
  Events events;
  if (!active_ || ending_) return finish();
  end(events, event(EngineGone{"the engine's process ended during the installation"}));
  return events;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/swupdate/swupdate_words.h"

#include <gtest/gtest.h>

#include "../engine_events.h"
#include "swupdate_recording.h"

namespace kernel_exporter {
namespace {

using Status = SwupdateStatus;

class SwupdateWordsTest : public testing::Test {
 protected:
  void hear(const std::vector<EngineEvent>& events) {
    events_.insert(events_.end(), events.begin(), events.end());
  }
  void hear_progress(const std::string& recording) {
    SwupdateProgressReader reader;
    const auto messages = reader.read(swupdate_recording(recording));
    ASSERT_TRUE(messages);
    for (const auto& message : *messages) hear(words_.heard(message));
  }
  void hear_notices(const std::string& recording) {
    SwupdateNoticeReader reader;
    const auto notices = reader.read(swupdate_recording(recording));
    ASSERT_TRUE(notices);
    for (const auto& notice : *notices) hear(words_.heard(notice));
  }
  // All but what only says how far the engine is.
  std::vector<std::string> story() const {
    std::vector<std::string> texts;
    std::vector<OtaState> states;
    for (const EngineEvent& event : events_) {
      const auto* worked = std::get_if<EngineWorked>(&event.what);
      if (worked && worked->states == states) continue;
      if (worked) states = worked->states;
      if (const auto* started = std::get_if<EngineStarted>(&event.what))
        states = started->work.states;
      texts.push_back(text_of(event));
      EXPECT_EQ(event.engine, "swupdate");
    }
    return texts;
  }

  SwupdateWords words_{"swupdate"};
  std::vector<EngineEvent> events_;
};

TEST_F(SwupdateWordsTest, TellsARealInstallation) {
  words_.connected(4711);
  hear_progress("2022.12_installed.progress");
  EXPECT_EQ(story(),
            (std::vector<std::string>{
                "started downloading", "works downloading+applying 0.00 version 2.0",
                "works applying 0.99 15732224/15732224 version 2.0", "installed version 2.0"}));
  EXPECT_EQ(std::get<EngineStarted>(events_.front().what).pid, 4711);
  double progress = 0;
  uint64_t bytes = 0;
  for (const EngineEvent& event : events_) {
    const auto* worked = std::get_if<EngineWorked>(&event.what);
    if (!worked) continue;
    EXPECT_GE(worked->progress.value_or(progress), progress);
    EXPECT_GE(worked->downloaded_bytes.value_or(bytes), bytes);
    progress = worked->progress.value_or(progress);
    bytes = worked->downloaded_bytes.value_or(bytes);
  }
  EXPECT_EQ(progress, 1);
  EXPECT_EQ(bytes, 15732224u);
}

TEST_F(SwupdateWordsTest, TellsWhyARealInstallationFailed) {
  hear_notices("2022.12_corrupt.control");
  EXPECT_TRUE(words_.ending());
  hear_progress("2022.12_corrupt.progress");
  hear(words_.finish());
  const auto last = text_of(events_.back());
  EXPECT_TRUE(last.starts_with("failed verify_failed: HASH mismatch : 5f94")) << last;
  EXPECT_EQ(story()[1], "works verifying");
  EXPECT_EQ(story()[2], "works downloading 0.00 version 2.0");
  EXPECT_EQ(story().size(), 5u);  // started, downloading+applying, failed
  EXPECT_EQ(words_.finish(), std::vector<EngineEvent>());
}

TEST_F(SwupdateWordsTest, KnowsTheStepWhenTheReasonIsNotTold) {
  hear_progress("2022.12_corrupt.progress");
  hear(words_.finish());
  EXPECT_EQ(story().back(), "failed: failed in step 2 of 2");
}

TEST_F(SwupdateWordsTest, TellsOfAnImageThatIsRefusedFromTheStart) {
  hear_notices("2022.12_unsigned.control");
  hear_progress("2022.12_unsigned.progress");
  hear(words_.finish());
  EXPECT_EQ(story(), (std::vector<std::string>{"started", "works verifying",
                                               "failed verify_failed: Checksum WRONG ! Computed "
                                               "0xb8c2, it should be 0xb8c1"}));
}

// The progress socket may be silent about it.
TEST_F(SwupdateWordsTest, SettlesAnEndThatOnlyTheControlSocketTold) {
  hear_notices("2022.12_unsigned.control");
  EXPECT_EQ(story(), (std::vector<std::string>{"started", "works verifying"}));
  EXPECT_TRUE(words_.ending());
  hear(words_.gone());
  EXPECT_EQ(story().size(), 3u);
  EXPECT_TRUE(story().back().starts_with("failed verify_failed"));
  EXPECT_EQ(words_.gone(), std::vector<EngineEvent>());
}

SwupdateProgress message(Status status, uint32_t percent, uint32_t steps, uint32_t step,
                         uint32_t step_percent,
                         SwupdateSource source = SwupdateSource::kDownloader) {
  SwupdateProgress message;
  message.status = status;
  message.download_percent = percent;
  message.download_bytes = source == SwupdateSource::kLocal ? 0 : 1000;
  message.steps = steps;
  message.step = step;
  message.step_percent = step_percent;
  message.source = source;
  return message;
}

TEST(SwupdateWords, MapsEveryStatus) {
  struct Row {
    const char* what;
    std::vector<const SwupdateProgress*> before;
    SwupdateProgress message;
    std::vector<std::string> events;
  };
  const auto start = message(Status::kStart, 0, 2, 0, 0);
  const auto run = message(Status::kRun, 0, 2, 1, 0);
  const auto failure = message(Status::kFailure, 5, 2, 1, 0);
  const auto success = message(Status::kSuccess, 100, 2, 3, 0);
  const auto local = SwupdateSource::kLocal;
  const Row rows[] = {
      {"idle is nothing", {}, message(Status::kIdle, 0, 0, 0, 0), {}},
      {"idle between steps", {&start}, message(Status::kIdle, 0, 2, 1, 0), {}},
      {"done is nothing", {}, message(Status::kDone, 0, 0, 0, 0), {}},
      {"a subprocess speaks", {&start}, message(Status::kSubprocess, 0, 2, 1, 0), {}},
      {"start", {}, start, {"started downloading"}},
      {"start of a file", {}, message(Status::kStart, 0, 1, 0, 0, local), {"started applying"}},
      {"the engine streams", {&start}, run, {"works downloading+applying 0.00 0/1000"}},
      {"it is half way",
       {&start, &run},
       message(Status::kProgress, 50, 2, 1, 99),
       {"works downloading+applying 0.49 500/1000"}},
      {"nothing new", {&start, &run}, run, {}},
      {"it only downloads",
       {&start},
       message(Status::kDownload, 7, 2, 0, 0),
       {"works downloading 0.00 70/1000"}},
      {"all is there",
       {&start, &run},
       message(Status::kDownload, 100, 2, 2, 50),
       {"works applying 0.75 1000/1000"}},
      {"boot environment",
       {&start, &run},
       message(Status::kRun, 100, 2, 3, 0),
       {"works applying 1.00 1000/1000"}},
      {"success", {&start}, message(Status::kSuccess, 100, 2, 3, 0), {"installed"}},
      {"success of what nobody saw", {}, message(Status::kSuccess, 100, 2, 3, 0), {"installed"}},
      {"failure",
       {&start},
       message(Status::kFailure, 5, 2, 1, 0),
       {"failed: failed in step 1 of 2"}},
      {"met in the middle",
       {},
       message(Status::kProgress, 50, 2, 2, 0),
       {"started downloading+applying", "works downloading+applying 0.50 500/1000"}},
      {"a download before the start", {}, message(Status::kDownload, 1, 0, 0, 0), {}},
      {"a download in the middle",
       {},
       message(Status::kDownload, 1, 2, 0, 0),
       {"started downloading", "works downloading 0.00 10/1000"}},
      {"a download after the end", {&start, &failure}, message(Status::kDownload, 6, 0, 0, 0), {}},
      {"a second one", {&start, &success}, start, {"started downloading"}},
      {"a second one without an end",
       {&start, &run},
       start,
       {"failed: another installation began", "started downloading"}},
  };
  for (const Row& row : rows) {
    SwupdateWords words("swupdate");
    for (const SwupdateProgress* before : row.before) words.heard(*before);
    words.finish();
    auto events = words.heard(row.message);
    if (words.ending()) events = words.finish();
    EXPECT_EQ(texts_of(events), row.events) << row.what;
  }
}

TEST(SwupdateWords, GoneIsOnlyWhoWasWorking) {
  SwupdateWords words("swupdate");
  EXPECT_EQ(texts_of(words.gone()), std::vector<std::string>());
  words.heard(message(Status::kStart, 0, 2, 0, 0));
  EXPECT_EQ(texts_of(words.gone()),
            std::vector<std::string>{"gone: the engine's process ended during the installation"});
  words.heard(message(Status::kStart, 0, 2, 0, 0));
  words.heard(message(Status::kSuccess, 100, 2, 3, 0));
  EXPECT_EQ(texts_of(words.gone()), std::vector<std::string>());
}

TEST(SwupdateWords, TakesTheFirstReasonUnlessALaterOneSaysMore) {
  struct Row {
    std::vector<const char*> texts;
    const char* event;
  };
  const Row rows[] = {
      {{"ERROR : first", "ERROR : second"}, "failed: first"},
      {{"ERROR : first", "ERROR : HASH mismatch : a <--> b"},
       "failed verify_failed: HASH mismatch : a <--> b"},
      {{"ERROR : Signature verification failed", "ERROR : No space left on device"},
       "failed verify_failed: Signature verification failed"},
      {{"ERROR : cannot write 4096 bytes: No space left on device"},
       "failed no_space: cannot write 4096 bytes: No space left on device"},
      {{"ERROR : Channel operation returned error (28): 'Timeout was reached'"},
       "failed network_stall: Channel operation returned error (28): 'Timeout was reached'"},
      {{"ERROR : Channel get operation aborted because of too many failed download attempts (1).",
        "ERROR : HASH mismatch"},
       "failed network_stall: Channel get operation aborted because of too many failed download "
       "attempts (1)."},
      {{"ERROR : Channel operation returned error (56): 'Failure when receiving data from the "
        "peer'",
        "ERROR : HASH mismatch"},
       "failed network_stall: Channel operation returned error (56): 'Failure when receiving data "
       "from the peer'"},
      {{"ERROR : Channel operation returned error (33): 'no range'", "ERROR : HASH mismatch"},
       "failed: Channel operation returned error (33): 'no range'"},
      {{"ERROR : HASH mismatch", "ERROR : Channel operation returned error (33): 'no range'"},
       "failed: Channel operation returned error (33): 'no range'"},
      {{"ERROR : HASH mismatch", "ERROR : Channel operation returned error (23): 'no reader'"},
       "failed verify_failed: HASH mismatch"},
  };
  for (const Row& row : rows) {
    SwupdateWords words("swupdate");
    words.heard(message(Status::kStart, 0, 2, 0, 0));
    for (const char* text : row.texts) words.heard({false, Status::kFailure, 0, text});
    words.heard(message(Status::kFailure, 0, 2, 1, 0));
    EXPECT_EQ(texts_of(words.finish()), std::vector<std::string>{row.event});
  }
}

TEST(SwupdateWords, JoinsAnInstallationThatGoesOn) {
  SwupdateWords words("swupdate");
  EXPECT_EQ(texts_of(words.heard({true, Status::kIdle, 0, ""})), std::vector<std::string>());
  EXPECT_EQ(texts_of(words.heard({true, Status::kRun, 0, ""})),
            std::vector<std::string>{"started"});
}

}  // namespace
}  // namespace kernel_exporter

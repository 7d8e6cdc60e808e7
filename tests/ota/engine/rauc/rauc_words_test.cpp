// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/rauc/rauc_words.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

using Kind = EngineEvent::Kind;

// What GetSlotStatus of RAUC 1.8 says of two slots with a data slot each, before and after.
std::vector<RaucSlot> slots(const std::string& new_version, const std::string& installed) {
  return {{"rootfs.1", "/dev/b", "inactive", "bad", new_version, installed},
          {"appfs.1", "/dev/b2", "inactive", "", new_version, installed},
          {"rootfs.0", "/dev/a", "booted", "good", "1.0", "2026-01-01T00:00:00Z"},
          {"appfs.0", "/dev/a2", "active", "", "1.0", "2026-01-01T00:00:00Z"},
          {"rescue.0", "/dev/r", "inactive", "", "0.1", "2025-01-01T00:00:00Z"}};
}

std::string word_of(const EngineEvent& event) {
  switch (event.kind) {
    case Kind::kStarted:
      return "started";
    case Kind::kState:
      return std::string(name_of(event.states.at(0)));
    case Kind::kProgress:
      return std::to_string(static_cast<int>(*event.progress * 100 + 0.5));
    case Kind::kInstalled:
      return "installed=" + event.version;
    case Kind::kFailed:
      return "failed=" + std::string(name_of(event.cause));
    case Kind::kGone:
      return "gone";
    default:
      return "other";
  }
}

std::string words_of(const std::vector<EngineEvent>& events) {
  std::string words;
  for (const EngineEvent& event : events) {
    EXPECT_EQ(event.engine, "rauc");
    words += (words.empty() ? "" : " ") + word_of(event);
  }
  return words;
}

TEST(RaucWords, FollowsAnInstallationStepByStep) {
  RaucWords rauc;
  rauc.set_service(42);
  rauc.set_slots(slots("", ""));
  const auto started = rauc.operation("installing");
  ASSERT_EQ(words_of(started), "started verifying");
  EXPECT_EQ(started[0].devices, (std::vector<std::string>{"/dev/b", "/dev/b2", "/dev/r"}));
  EXPECT_EQ(started[0].from, "1.0");
  EXPECT_EQ(started[0].pid, 42);
  EXPECT_EQ(words_of(rauc.operation("installing")), "");
  struct Row {
    int percentage;
    const char* message;
    const char* words;
  };
  const Row rows[] = {
      {0, "Installing", "0"},
      {0, "Determining slot states", ""},
      {20, "Determining slot states done.", "20"},
      {20, "Checking bundle", ""},
      {20, "Verifying signature", ""},
      {40, "Verifying signature done.", "40"},
      {40, "Checking bundle done.", ""},
      {60, "Checking manifest contents done.", "60"},
      {80, "Determining target install group done.", "80"},
      {80, "Updating slots", "applying"},
      {80, "Checking slot rootfs.1", ""},
      {90, "Copying image to rootfs.1", "90"},
      {99, "Copying image to rootfs.1 done.", "99"},
      {101, "Nonsense", ""},
      {-1, "Nonsense", ""},
      {100, "Installing done.", "100"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(words_of(rauc.progress(row.percentage, row.message)), row.words) << row.message;
  }
  EXPECT_EQ(words_of(rauc.completed(0)), "");
  rauc.set_slots(slots("2.0", "2026-11-23T00:45:53Z"));
  EXPECT_EQ(words_of(rauc.installed()), "installed=2.0");
  EXPECT_EQ(words_of(rauc.installed()), "");
  EXPECT_EQ(words_of(rauc.progress(50, "Updating slots")), "");
}

TEST(RaucWords, TellsTheVersionOfTheBundleOnceItIsKnown) {
  RaucWords rauc;
  EXPECT_FALSE(rauc.wants_version());
  rauc.operation("installing");
  EXPECT_TRUE(rauc.wants_version());
  EXPECT_EQ(rauc.progress(20, "Checking bundle").at(0).version, "");
  rauc.set_version("2.0");
  EXPECT_FALSE(rauc.wants_version());
  for (const EngineEvent& event : rauc.progress(80, "Updating slots")) {
    EXPECT_EQ(event.version, "2.0") << word_of(event);
  }
  rauc.completed(0);
  rauc.set_slots(slots("", ""));  // whose status is not kept
  EXPECT_EQ(words_of(rauc.installed()), "installed=2.0");
  EXPECT_EQ(words_of(rauc.ended_unseen(true)), "installed=0.1") << "it may be another one";
  EXPECT_EQ(words_of(rauc.operation("installing")), "started verifying");
  EXPECT_TRUE(rauc.wants_version());
}

TEST(RaucWords, TakesErrorsForWhatTheySay) {
  struct Row {
    const char* error;
    bool writing;
    OtaCause cause;
  };
  const Row rows[] = {
      {"signature verification failed: error:1700009E:CMS routines::verification failure", false,
       OtaCause::kVerifyFailed},
      {"signature verification failed: Verify error:self-signed certificate", false,
       OtaCause::kVerifyFailed},
      {"Signature size (1234567) exceeds bundle size", false, OtaCause::kVerifyFailed},
      {"Invalid bundle: format not supported", false, OtaCause::kVerifyFailed},
      {"Compatible mismatch: Expected 'a' but bundle manifest has 'b'", false,
       OtaCause::kEngineError},
      {"Failed to download bundle http://a/b: Transfer failed: Timeout was reached", false,
       OtaCause::kNetworkStall},
      {"Failed to download bundle http://a/b: Transfer failed: Maximum file size exceeded", false,
       OtaCause::kEngineError},
      {"Installation error: Failed updating slot rootfs.1: Syncing content to disk failed: "
       "Input/output error",
       true, OtaCause::kEngineError},
      {"Failed updating slot rootfs.1: No space left on device", true, OtaCause::kNoSpace},
      {"Failed updating slot rootfs.1: signature of what was written", true,
       OtaCause::kEngineError},
      {"", true, OtaCause::kEngineError},
  };
  for (const Row& row : rows) {
    RaucWords rauc;
    rauc.operation("installing");
    rauc.last_error("");
    if (row.writing) rauc.progress(80, "Updating slots");
    rauc.last_error(row.error);
    const auto failed = rauc.completed(1);
    ASSERT_EQ(words_of(failed), "failed=" + std::string(name_of(row.cause))) << row.error;
    EXPECT_EQ(failed[0].detail, row.error);
    EXPECT_EQ(words_of(rauc.gone()), "") << "it has failed already";
  }
}

TEST(RaucWords, SaysWhenTheServiceEndsInTheMiddleOnly) {
  RaucWords rauc;
  EXPECT_EQ(words_of(rauc.gone()), "");
  EXPECT_EQ(words_of(rauc.completed(1)), "");
  rauc.operation("installing");
  EXPECT_EQ(words_of(rauc.gone()), "gone");
  EXPECT_EQ(words_of(rauc.gone()), "");
  EXPECT_EQ(words_of(rauc.operation("installing")), "started verifying");
  rauc.completed(0);
  EXPECT_EQ(words_of(rauc.gone()), "installed=");
}

TEST(RaucWords, FindsOutHowAnInstallationEndedThatNobodyHeard) {
  for (const bool seen : {false, true}) {
    RaucWords rauc;
    if (seen) rauc.operation("installing");
    EXPECT_EQ(words_of(rauc.ended_unseen(false)), "gone");
    if (seen) rauc.operation("installing");
    rauc.set_slots(slots("2.0", "2026-11-23T00:45:53Z"));
    EXPECT_EQ(words_of(rauc.ended_unseen(true)), "installed=2.0");
    if (seen) rauc.operation("installing");
    rauc.last_error("No space left on device");
    EXPECT_EQ(words_of(rauc.ended_unseen(true)), "failed=no_space");
  }
}

TEST(RaucWords, TellsWhatRunsFromWhatStandsBy) {
  RaucWords rauc;
  EXPECT_TRUE(rauc.booted().empty());
  rauc.set_slots(slots("2.0", "2026-11-23T00:45:53Z"));
  const auto booted = rauc.booted();
  ASSERT_EQ(booted.size(), 1u);
  EXPECT_EQ(booted[0].devices, (std::vector<std::string>{"/dev/a", "/dev/a2"}));
  EXPECT_EQ(booted[0].standby, (std::vector<std::string>{"/dev/b", "/dev/b2", "/dev/r"}));
  EXPECT_EQ(booted[0].version, "1.0");
  EXPECT_TRUE(booted[0].confirmed);
  EXPECT_TRUE(rauc.is_standby("rootfs.1"));
  EXPECT_FALSE(rauc.is_standby("rootfs.0"));
  EXPECT_FALSE(rauc.is_standby("appfs.0"));
  EXPECT_FALSE(rauc.is_standby("nothing.0"));
}

}  // namespace
}  // namespace kernel_exporter

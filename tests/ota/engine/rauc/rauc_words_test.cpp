// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/rauc/rauc_words.h"

#include <gtest/gtest.h>

#include "../engine_events.h"

namespace kernel_exporter {
namespace {

// What GetSlotStatus of RAUC 1.8 says of two slots with a data slot each, before and after.
std::vector<RaucSlot> slots(const std::string& new_version, const std::string& installed) {
  return {{"rootfs.1", "/dev/b", "inactive", "bad", new_version, installed},
          {"appfs.1", "/dev/b2", "inactive", "", new_version, installed},
          {"rootfs.0", "/dev/a", "booted", "good", "1.0", "2026-01-01T00:00:00Z"},
          {"appfs.0", "/dev/a2", "active", "", "1.0", "2026-01-01T00:00:00Z"},
          {"rescue.0", "/dev/r", "inactive", "", "0.1", "2025-01-01T00:00:00Z"}};
}

// The one event, "" for none.
std::string text_of(const std::vector<EngineEvent>& events) {
  EXPECT_LE(events.size(), 1u);
  if (events.empty()) return "";
  EXPECT_EQ(events[0].engine, "rauc");
  return text_of(events[0]);
}

TEST(RaucWords, FollowsAnInstallationStepByStep) {
  RaucWords rauc;
  rauc.set_service(42);
  rauc.set_slots(slots("", ""));
  const auto started = rauc.operation("installing");
  ASSERT_EQ(text_of(started), "started verifying");
  const auto& start = std::get<EngineStarted>(started[0].what);
  EXPECT_EQ(start.devices, (std::vector<std::string>{"/dev/b", "/dev/b2", "/dev/r"}));
  EXPECT_EQ(start.from, "1.0");
  EXPECT_EQ(start.pid, 42);
  EXPECT_EQ(text_of(rauc.operation("installing")), "");
  struct Row {
    int percentage;
    const char* message;
    const char* text;
  };
  const Row rows[] = {
      {0, "Installing", "works 0.00"},
      {0, "Determining slot states", ""},
      {20, "Determining slot states done.", "works 0.20"},
      {20, "Checking bundle", ""},
      {20, "Verifying signature", ""},
      {40, "Verifying signature done.", "works 0.40"},
      {40, "Checking bundle done.", ""},
      {60, "Checking manifest contents done.", "works 0.60"},
      {80, "Determining target install group done.", "works 0.80"},
      {80, "Updating slots", "works applying"},
      {80, "Checking slot rootfs.1", ""},
      {90, "Copying image to rootfs.1", "works 0.90"},
      {99, "Copying image to rootfs.1 done.", "works 0.99"},
      {101, "Nonsense", ""},
      {-1, "Nonsense", ""},
      {100, "Installing done.", "works 1.00"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(text_of(rauc.progress(row.percentage, row.message)), row.text) << row.message;
  }
  EXPECT_EQ(text_of(rauc.completed(0)), "");
  rauc.set_slots(slots("2.0", "2026-11-23T00:45:53Z"));
  EXPECT_EQ(text_of(rauc.installed()), "installed version 2.0");
  EXPECT_EQ(text_of(rauc.installed()), "");
  EXPECT_EQ(text_of(rauc.progress(50, "Updating slots")), "");
}

TEST(RaucWords, TellsTheVersionOfTheBundleOnceItIsKnown) {
  RaucWords rauc;
  EXPECT_FALSE(rauc.wants_version());
  rauc.operation("installing");
  EXPECT_TRUE(rauc.wants_version());
  EXPECT_EQ(text_of(rauc.progress(20, "Checking bundle")), "works 0.20");
  rauc.set_version("2.0");
  EXPECT_FALSE(rauc.wants_version());
  EXPECT_EQ(text_of(rauc.progress(80, "Updating slots")), "works applying 0.80 version 2.0");
  rauc.completed(0);
  rauc.set_slots(slots("", ""));  // whose status is not kept
  EXPECT_EQ(text_of(rauc.installed()), "installed version 2.0");
  EXPECT_EQ(text_of(rauc.ended_unseen(true)), "installed version 0.1") << "it may be another one";
  EXPECT_EQ(text_of(rauc.operation("installing")), "started verifying");
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
      {"Failed to download bundle http://a/b: Transfer failed: transfer closed with 4096 bytes "
       "remaining to read",
       false, OtaCause::kNetworkStall},
      {"Failed to download bundle http://a/b: Transfer failed: The requested URL returned error: "
       "404",
       false, OtaCause::kEngineError},
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
    EXPECT_EQ(rauc.completed(1),
              (std::vector<EngineEvent>{{"rauc", EngineFailed{row.cause, row.error}}}));
    EXPECT_EQ(text_of(rauc.gone()), "") << "it has failed already";
  }
}

TEST(RaucWords, SaysWhenTheServiceEndsInTheMiddleOnly) {
  RaucWords rauc;
  EXPECT_EQ(text_of(rauc.gone()), "");
  EXPECT_EQ(text_of(rauc.completed(1)), "");
  rauc.operation("installing");
  EXPECT_EQ(text_of(rauc.gone()), "gone: the RAUC service ended during the installation");
  EXPECT_EQ(text_of(rauc.gone()), "");
  EXPECT_EQ(text_of(rauc.operation("installing")), "started verifying");
  rauc.completed(0);
  EXPECT_EQ(text_of(rauc.gone()), "installed");
}

TEST(RaucWords, FindsOutHowAnInstallationEndedThatNobodyHeard) {
  for (const bool seen : {false, true}) {
    RaucWords rauc;
    if (seen) rauc.operation("installing");
    EXPECT_EQ(text_of(rauc.ended_unseen(false)),
              seen ? "gone: the RAUC service ended during the installation"
                   : "gone: RAUC's installation is no longer running");
    if (seen) rauc.operation("installing");
    rauc.set_slots(slots("2.0", "2026-11-23T00:45:53Z"));
    EXPECT_EQ(text_of(rauc.ended_unseen(true)), "installed version 2.0");
    if (seen) rauc.operation("installing");
    rauc.last_error("No space left on device");
    EXPECT_EQ(text_of(rauc.ended_unseen(true)), "failed no_space: No space left on device");
  }
}

TEST(RaucWords, TellsWhatRunsFromWhatStandsBy) {
  RaucWords rauc;
  EXPECT_TRUE(rauc.booted().empty());
  rauc.set_slots(slots("2.0", "2026-11-23T00:45:53Z"));
  const auto events = rauc.booted();
  ASSERT_EQ(events.size(), 1u);
  const auto& booted = std::get<EngineBooted>(events[0].what);
  EXPECT_EQ(booted.devices, (std::vector<std::string>{"/dev/a", "/dev/a2"}));
  EXPECT_EQ(booted.standby, (std::vector<std::string>{"/dev/b", "/dev/b2", "/dev/r"}));
  EXPECT_EQ(booted.version, "1.0");
  EXPECT_TRUE(booted.confirmed);
  EXPECT_TRUE(rauc.is_standby("rootfs.1"));
  EXPECT_FALSE(rauc.is_standby("rootfs.0"));
  EXPECT_FALSE(rauc.is_standby("appfs.0"));
  EXPECT_FALSE(rauc.is_standby("nothing.0"));
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/swupdate/swupdate_message.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "swupdate_recording.h"

namespace kernel_exporter {
namespace {

constexpr size_t kPadded = 2416;

std::vector<SwupdateProgress> read_all(SwupdateProgressReader& reader, std::string_view bytes) {
  auto messages = reader.read(bytes);
  EXPECT_TRUE(messages) << messages.error().message;
  return messages ? *messages : std::vector<SwupdateProgress>();
}

std::string word(uint32_t number) {
  return std::string(reinterpret_cast<const char*>(&number), sizeof number);
}

// A message of one's own, as libswupdate lays it out.
struct Raw {
  uint32_t version = 0;
  uint32_t status = 1;
  uint32_t download_percent = 0;
  uint64_t download_bytes = 0;
  uint32_t steps = 2;
  uint32_t step = 0;
  uint32_t percent = 0;
  std::string image = {};
  std::string handler = {};
  uint32_t source = 3;
  uint32_t info_bytes = 0;
  std::string info = {};
  uint32_t padding = 0;

  std::string bytes(bool packed) const {
    std::string out = word(version) + word(status) + word(download_percent);
    if (!packed) out += word(padding);
    out.append(reinterpret_cast<const char*>(&download_bytes), sizeof download_bytes);
    out += word(steps) + word(step) + word(percent) + field(image, 256) + field(handler, 64);
    out += word(source) + word(info_bytes) + field(info, 2048);
    out.resize(packed ? 2408 : kPadded, '\0');
    return out;
  }
  static std::string field(std::string text, size_t size) {
    text.resize(size, '\0');
    return text;
  }
};

TEST(SwupdateProgressReader, ReadsARealInstallation) {
  SwupdateProgressReader reader;
  const auto messages = read_all(reader, swupdate_recording("2022.12_installed.progress"));
  ASSERT_EQ(messages.size(), 301u);
  EXPECT_EQ(messages[0].status, SwupdateStatus::kStart);
  EXPECT_EQ(messages[0].steps, 2u);
  EXPECT_EQ(messages[0].source, SwupdateSource::kDownloader);
  EXPECT_EQ(messages[1].info, R"({"0": {"VERSION" : "2.0"}})");
  EXPECT_EQ(messages[3], (SwupdateProgress{SwupdateStatus::kDownload, 1, 15732224, 2, 1, 0,
                                           "rootfs.img", "raw", SwupdateSource::kDownloader, ""}));
  EXPECT_EQ(messages[299].status, SwupdateStatus::kSuccess);
  EXPECT_EQ(messages[299].step, 3u);
  EXPECT_EQ(messages[300].status, SwupdateStatus::kDone);
}

TEST(SwupdateProgressReader, ReadsTheSameInPiecesOfAnySize) {
  const std::string bytes = swupdate_recording("2022.12_corrupt.progress");
  SwupdateProgressReader whole;
  const auto expected = read_all(whole, bytes);
  ASSERT_EQ(expected.size(), 186u);
  for (const size_t size : {size_t{1}, size_t{7}, size_t{2415}, size_t{2417}, size_t{10'000}}) {
    SwupdateProgressReader reader;
    std::vector<SwupdateProgress> messages;
    for (size_t at = 0; at < bytes.size(); at += size) {
      for (auto& message : read_all(reader, std::string_view(bytes).substr(at, size))) {
        messages.push_back(std::move(message));
      }
    }
    EXPECT_EQ(messages, expected) << size;
  }
}

TEST(SwupdateProgressReader, RefusesWhatItDoesNotKnow) {
  struct Row {
    const char* what;
    std::function<void(Raw&)> change;
    const char* message;
  };
  const Row rows[] = {
      {"magic", [](Raw& raw) { raw.version = 0x14052001; }, "begin with 0x14052001"},
      {"version 3", [](Raw& raw) { raw.version = 3 << 16; }, "begin with 0x00030000"},
      {"no greeting", [](Raw& raw) { raw.version = 2 << 16; }, "greeting"},
      {"status", [](Raw& raw) { raw.status = 9; }, "2416 bytes"},
      {"percent of the download", [](Raw& raw) { raw.download_percent = 101; }, "2416 bytes"},
      {"size", [](Raw& raw) { raw.download_bytes = uint64_t{1} << 60; }, "2416 bytes"},
      {"percent", [](Raw& raw) { raw.percent = 101; }, "2416 bytes"},
      {"step", [](Raw& raw) { raw.step = 4; }, "2416 bytes"},
      {"steps", [](Raw& raw) { raw.steps = 100'001; }, "2416 bytes"},
      {"a start without steps", [](Raw& raw) { raw.steps = 0; }, "2416 bytes"},
      {"source", [](Raw& raw) { raw.source = 16; }, "2416 bytes"},
      {"information beyond its field", [](Raw& raw) { raw.info_bytes = 2049; }, "2416 bytes"},
      {"image without end", [](Raw& raw) { raw.image = std::string(256, 'a'); }, "2416 bytes"},
      {"image of control characters", [](Raw& raw) { raw.image = "a\x01"; }, "2416 bytes"},
      {"handler without end", [](Raw& raw) { raw.handler = std::string(64, 'a'); }, "2416 bytes"},
      {"padding", [](Raw& raw) { raw.padding = 1; }, "2416 bytes"},
  };
  for (const Row& row : rows) {
    Raw raw;
    SwupdateProgressReader good;
    EXPECT_EQ(read_all(good, raw.bytes(false)).size(), 1u);
    row.change(raw);
    SwupdateProgressReader reader;
    const auto messages = reader.read(raw.bytes(false));
    ASSERT_FALSE(messages) << row.what;
    EXPECT_NE(messages.error().message.find(row.message), std::string::npos)
        << row.what << ": " << messages.error().message;
  }
}

TEST(SwupdateProgressReader, RefusesToGoOnOutOfStep) {
  const std::string bytes = swupdate_recording("2022.12_installed.progress");
  SwupdateProgressReader reader;
  EXPECT_EQ(read_all(reader, bytes.substr(0, 10 * kPadded)).size(), 10u);
  EXPECT_FALSE(reader.read(std::string_view(bytes).substr(10 * kPadded + 4, 2 * kPadded)));
}

TEST(SwupdateProgressReader, ReadsEveryVersionOfTheInterface) {
  struct Row {
    const char* what;
    uint32_t version;
    bool greeting;
    bool packed;
  };
  const Row rows[] = {{"2023.12", 0x10000, false, false},
                      {"2024.12", 0x20000, true, false},
                      {"2025.12", 0x20000, true, true},
                      {"a later 2.1", 0x20100, true, true}};
  for (const Row& row : rows) {
    Raw start{.version = row.version};
    Raw download{.version = row.version,
                 .status = 5,
                 .download_percent = 40,
                 .download_bytes = 15732224,
                 .step = 1,
                 .percent = 50,
                 .image = "rootfs.img",
                 .handler = "raw"};
    const std::string greeting =
        row.greeting ? word(row.version) + std::string("ACK", 4) : std::string();
    for (const Raw& first : {start, download}) {
      SwupdateProgressReader reader;
      EXPECT_EQ(read_all(reader, greeting).size(), 0u) << row.what;
      const auto messages = read_all(reader, first.bytes(row.packed));
      ASSERT_EQ(messages.size(), 1u) << row.what;
      EXPECT_EQ(messages[0].download_bytes, first.download_bytes) << row.what;
      EXPECT_EQ(messages[0].steps, 2u) << row.what;
      EXPECT_EQ(messages[0].source, SwupdateSource::kDownloader) << row.what;
      EXPECT_EQ(read_all(reader, download.bytes(row.packed)).at(0).image, "rootfs.img");
    }
  }
}

// A packed message may make sense as the beginning of a padded one; the next one decides.
TEST(SwupdateProgressReader, DoesNotGuessBetweenTwoLayouts) {
  const Raw both{.version = 0x20000, .status = 2, .steps = 0, .step = 1, .source = 0};
  const Raw failed{.version = 0x20000, .status = 4, .steps = 0, .step = 1, .source = 0};
  SwupdateProgressReader reader;
  EXPECT_EQ(read_all(reader, word(0x20000) + std::string("ACK", 4)).size(), 0u);
  EXPECT_EQ(read_all(reader, both.bytes(true)).size(), 0u);
  const auto messages = read_all(reader, failed.bytes(true));
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].step, 1u);
  EXPECT_EQ(messages[1].status, SwupdateStatus::kFailure);
}

TEST(SwupdateNoticeReader, ReadsARealFailure) {
  SwupdateNoticeReader reader;
  const auto notices = reader.read(swupdate_recording("2022.12_unsigned.control"));
  ASSERT_TRUE(notices) << notices.error().message;
  ASSERT_EQ(notices->size(), 15u);
  EXPECT_TRUE(notices->at(0).answer);
  size_t ends = 0;
  for (const SwupdateNotice& notice : *notices) {
    if (notice.status != SwupdateStatus::kFailure || notice.error == 0) continue;
    ++ends;
    EXPECT_EQ(notice.text, "Image invalid or corrupted. Not installing ...");
  }
  EXPECT_EQ(ends, 1u);
}

TEST(SwupdateNoticeReader, AsksWithAWholeMessage) {
  EXPECT_EQ(swupdate_subscription().size(),
            swupdate_recording("2022.12_unsigned.control").size() / 15);
  EXPECT_EQ(swupdate_subscription().substr(0, 8), word(0x14052001) + word(11));
}

TEST(SwupdateNoticeReader, RefusesWhatItDoesNotKnow) {
  const std::string good = swupdate_recording("2022.12_unsigned.control").substr(0, 3120);
  struct Row {
    size_t offset;
    uint32_t number;
  };
  for (const Row& row : {Row{0, 0x14052002}, Row{4, 2}, Row{8, 9}, Row{20, 0x01010101}}) {
    std::string bad = good;
    std::memcpy(bad.data() + row.offset, &row.number, sizeof row.number);
    SwupdateNoticeReader reader;
    EXPECT_FALSE(reader.read(bad)) << row.offset;
    SwupdateNoticeReader control;
    EXPECT_TRUE(control.read(good));
  }
}

}  // namespace
}  // namespace kernel_exporter

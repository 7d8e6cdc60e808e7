// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/swupdate/swupdate_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace kernel_exporter {
namespace {

constexpr size_t kImageBytes = 256;
constexpr size_t kHandlerBytes = 64;
constexpr size_t kInfoBytes = 2048;
constexpr size_t kWord = sizeof(uint32_t);
constexpr size_t kPackedBytes = 2408;
constexpr size_t kPaddedBytes = 2416;
constexpr size_t kGreetingBytes = 8;
constexpr uint32_t kNoVersion = 0;
constexpr uint32_t kSources = 16;  // room for those yet to come
constexpr uint32_t kMaxSteps = 100'000;
constexpr uint64_t kMaxDownload = uint64_t{1} << 50;
constexpr uint32_t kHundred = 100;

uint32_t major(uint32_t version) { return version >> 16; }

// Takes field after field; what lies beyond the end is for the caller to exclude.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}

  template <typename Number>
  Number number() {
    Number number = 0;
    std::memcpy(&number, bytes_.data(), sizeof number);
    bytes_.remove_prefix(sizeof number);
    return number;
  }
  std::string_view bytes(size_t size) {
    const std::string_view field = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return field;
  }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

// nullopt: not a C string of printable text.
std::optional<std::string> text_of(std::string_view field) {
  const size_t end = field.find('\0');
  if (end == std::string_view::npos) return {};
  const std::string_view text = field.substr(0, end);
  const bool printable = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\r' && c != '\t';
  });
  return printable ? std::optional(std::string(text)) : std::nullopt;
}

bool plausible(const SwupdateProgress& message, uint32_t status, uint32_t source) {
  const bool working = status == static_cast<uint32_t>(SwupdateStatus::kStart) ||
                       status == static_cast<uint32_t>(SwupdateStatus::kProgress);
  return status < kSwupdateStatusCount && source < kSources &&
         message.download_percent <= kHundred && message.download_bytes < kMaxDownload &&
         message.steps <= kMaxSteps && message.step <= message.steps + 1 &&
         message.step_percent <= kHundred && !(working && message.steps == 0);
}

// nullopt: this is no message in that layout.
std::optional<SwupdateProgress> parse(std::string_view frame, uint32_t version) {
  const bool padded = frame.size() == kPaddedBytes;
  Fields fields(frame);
  SwupdateProgress message;
  if (fields.number<uint32_t>() != version) return {};
  const auto status = fields.number<uint32_t>();
  message.download_percent = fields.number<uint32_t>();
  if (padded && fields.number<uint32_t>() != 0) return {};
  message.download_bytes = fields.number<uint64_t>();
  message.steps = fields.number<uint32_t>();
  message.step = fields.number<uint32_t>();
  message.step_percent = fields.number<uint32_t>();
  const auto image = text_of(fields.bytes(kImageBytes));
  const auto handler = text_of(fields.bytes(kHandlerBytes));
  const auto source = fields.number<uint32_t>();
  const auto info_bytes = fields.number<uint32_t>();
  const std::string_view info = fields.bytes(kInfoBytes);
  if (!image || !handler || info_bytes > info.size() || !plausible(message, status, source)) {
    return {};
  }
  message.status = static_cast<SwupdateStatus>(status);
  message.image = *image;
  message.handler = *handler;
  message.source = static_cast<SwupdateSource>(source);
  message.info = info.substr(0, std::min<size_t>(info_bytes, info.find('\0')));
  return message;
}

}  // namespace

// False: more bytes are needed.
Result<bool> SwupdateProgressReader::greet() {
  if (greeted_) return true;
  if (buffer_.size() < kWord) return false;
  version_ = Fields(buffer_).number<uint32_t>();
  if (version_ == kNoVersion || major(version_) == 1) {
    frame_bytes_ = kPaddedBytes;
    greeted_ = true;
    return true;
  }
  if (major(version_) != 2) {
    return fail(
        fmt::format("messages begin with {:#010x}, expected 0 or version 1.x or 2.x of the "
                    "progress interface",
                    version_));
  }
  if (buffer_.size() < kGreetingBytes) return false;
  if (buffer_.compare(kWord, kWord, std::string_view("ACK", kWord)) != 0) {
    return fail("the greeting of version 2.x of the progress interface is missing");
  }
  buffer_.erase(0, kGreetingBytes);
  greeted_ = true;
  return true;
}

// False: more bytes are needed.
Result<bool> SwupdateProgressReader::choose_layout() {
  if (frame_bytes_ != 0) return true;
  if (buffer_.size() < kPackedBytes) return false;
  // What a last message lacks of a layout is zero: the end of a text that is not used.
  const auto fits = [&](size_t size) {
    for (size_t at = 0; at + kWord <= buffer_.size(); at += size) {
      std::string frame = buffer_.substr(at, size);
      if (frame.size() < kPackedBytes) return Fields(frame).number<uint32_t>() == version_;
      frame.resize(size, '\0');
      if (!parse(frame, version_)) return false;
    }
    return true;
  };
  const bool packed = fits(kPackedBytes);
  const bool padded = fits(kPaddedBytes);
  if (!packed && !padded) {
    return fail(
        fmt::format("version {:#010x} of the progress interface has an unknown layout", version_));
  }
  if (packed && padded) return false;
  frame_bytes_ = packed ? kPackedBytes : kPaddedBytes;
  return true;
}

Result<std::vector<SwupdateProgress>> SwupdateProgressReader::read(std::string_view bytes) {
  buffer_ += bytes;
  std::vector<SwupdateProgress> messages;
  for (const auto step : {&SwupdateProgressReader::greet, &SwupdateProgressReader::choose_layout}) {
    const Result<bool> known = (this->*step)();
    if (!known) return tl::unexpected(known.error());
    if (!*known) return messages;
  }
  size_t at = 0;
  for (; at + frame_bytes_ <= buffer_.size(); at += frame_bytes_) {
    auto message = parse(std::string_view(buffer_).substr(at, frame_bytes_), version_);
    if (!message) {
      return fail(
          fmt::format("a message of {} bytes does not have the layout documented by libswupdate "
                      "(version {:#010x})",
                      frame_bytes_, version_));
    }
    messages.push_back(std::move(*message));
  }
  buffer_.erase(0, at);
  return messages;
}

namespace {

constexpr uint32_t kIpcMagic = 0x14052001;
constexpr uint32_t kAck = 1;
constexpr uint32_t kNotifyStream = 11;
// sizeof(ipc_message) with 64-bit pointers: the largest member, a size_t in it, is an install
// request. The engine answers no message of another size.
constexpr size_t kIpcBytes = sizeof(size_t) == 8 ? 3120 : 3104;
constexpr size_t kIpcTextBytes = 2048;

}  // namespace

std::string swupdate_subscription() {
  const std::array<uint32_t, 2> head = {kIpcMagic, kNotifyStream};
  std::string message(reinterpret_cast<const char*>(head.data()), sizeof head);
  message.resize(kIpcBytes, '\0');
  return message;
}

Result<std::vector<SwupdateNotice>> SwupdateNoticeReader::read(std::string_view bytes) {
  buffer_ += bytes;
  std::vector<SwupdateNotice> notices;
  size_t at = 0;
  for (; at + kIpcBytes <= buffer_.size(); at += kIpcBytes) {
    Fields fields(std::string_view(buffer_).substr(at, kIpcBytes));
    const auto magic = fields.number<uint32_t>();
    const auto type = fields.number<uint32_t>();
    const auto status = fields.number<uint32_t>();
    SwupdateNotice notice;
    notice.answer = type == kAck;
    notice.error = fields.number<uint32_t>();
    fields.number<uint32_t>();  // level of the log, or the last result
    const auto text = text_of(fields.bytes(kIpcTextBytes));
    if (magic != kIpcMagic || (type != kAck && type != kNotifyStream) ||
        status >= kSwupdateStatusCount || !text) {
      return fail(
          "a message of the control socket does not have the layout documented by libswupdate");
    }
    notice.status = static_cast<SwupdateStatus>(status);
    notice.text = *text;
    notices.push_back(std::move(notice));
  }
  buffer_.erase(0, at);
  return notices;
}

}  // namespace kernel_exporter

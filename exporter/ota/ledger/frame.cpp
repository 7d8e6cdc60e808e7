// SPDX-License-Identifier: Apache-2.0
#include "ota/ledger/frame.h"

#include <fmt/format.h>
#include <zlib.h>

#include <charconv>
#include <optional>

namespace kernel_exporter {
namespace {

constexpr std::string_view kMark = "ota ";
// "ota VV LLLLLLLL CCCCCCCC "
constexpr size_t kVersionAt = 4;
constexpr size_t kLengthAt = 7;
constexpr size_t kChecksumAt = 16;
constexpr size_t kHeaderBytes = 25;
// Beyond what one transaction can grow to: a damaged length must not swallow the file.
constexpr size_t kMaxPayloadBytes = 64 << 10;

uint32_t checksum(std::string_view version_and_length, std::string_view payload) {
  const auto* head = reinterpret_cast<const Bytef*>(version_and_length.data());
  const auto* body = reinterpret_cast<const Bytef*>(payload.data());
  uLong sum = crc32(0, head, static_cast<uInt>(version_and_length.size()));
  sum = crc32(sum, body, static_cast<uInt>(payload.size()));
  return static_cast<uint32_t>(sum);
}

std::optional<uint32_t> hexadecimal(std::string_view digits) {
  uint32_t number = 0;
  // Upper case would be another spelling of the same record, which nobody wrote.
  if (digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) return {};
  const auto [end, status] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (status != std::errc() || end != digits.data() + digits.size()) return {};
  return number;
}

struct Frame {
  uint32_t version;
  size_t bytes;
  std::string_view payload;
};

// The whole record at the start of `bytes`, if there is one.
std::optional<Frame> frame_at(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMark)) return {};
  if (bytes[6] != ' ' || bytes[15] != ' ' || bytes[24] != ' ') return {};
  const auto version = hexadecimal(bytes.substr(kVersionAt, 2));
  const auto length = hexadecimal(bytes.substr(kLengthAt, 8));
  const auto sum = hexadecimal(bytes.substr(kChecksumAt, 8));
  if (!version || !length || !sum || *length > kMaxPayloadBytes) return {};
  const size_t whole = kHeaderBytes + *length + 1;
  if (bytes.size() < whole || bytes[whole - 1] != '\n') return {};
  const std::string_view payload = bytes.substr(kHeaderBytes, *length);
  if (checksum(bytes.substr(kVersionAt, kChecksumAt - kVersionAt), payload) != *sum) return {};
  return Frame{*version, whole, payload};
}

}  // namespace

std::string frame_record(std::string_view payload, unsigned version) {
  const std::string head = fmt::format("{:02x} {:08x} ", version, payload.size());
  return fmt::format("{}{}{:08x} {}\n", kMark, head, checksum(head, payload), payload);
}

ScannedRecords scan_records(std::string_view bytes) {
  ScannedRecords scanned;
  while (!bytes.empty()) {
    const auto frame = frame_at(bytes);
    scanned.damaged_end = !frame;
    if (!frame) {
      ++scanned.damaged;
      size_t next = bytes.find(kMark, 1);
      while (next != std::string_view::npos && !frame_at(bytes.substr(next))) {
        next = bytes.find(kMark, next + 1);
      }
      bytes.remove_prefix(std::min(next, bytes.size()));
      continue;
    }
    if (frame->version == kLedgerVersion) {
      scanned.payloads.emplace_back(frame->payload);
    } else {
      scanned.newer_frames.emplace_back(bytes.substr(0, frame->bytes));
    }
    bytes.remove_prefix(frame->bytes);
  }
  return scanned;
}

}  // namespace kernel_exporter

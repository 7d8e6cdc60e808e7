// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kernel_exporter {

// The ledger's file: one record a line, readable with cat, checked by length and CRC:
//   ota VV LLLLLLLL CCCCCCCC PAYLOAD\n
// VV version, L bytes of payload, C zlib's crc32 of version, length and payload; hexadecimal. This
// frame stays as it is in all versions; the version says how to read the payload, a JSON object
// without line breaks.
constexpr unsigned kLedgerVersion = 1;

std::string frame_record(std::string_view payload, unsigned version = kLedgerVersion);

struct ScannedRecords {
  std::vector<std::string> payloads;      // of our version, oldest first
  std::vector<std::string> newer_frames;  // of versions yet to come, as they are
  uint64_t damaged = 0;                   // stretches of bytes that are no record
  bool damaged_end = false;               // the last of them ends the file
};

// Takes every record that is whole; after damage it goes on at the next one that is.
ScannedRecords scan_records(std::string_view bytes);

}  // namespace kernel_exporter

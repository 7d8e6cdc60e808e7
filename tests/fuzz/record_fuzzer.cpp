// SPDX-License-Identifier: Apache-2.0
// Any bytes as a ledger's file, and as the payload of one record: what is read can be written, and
// is then read as the same.
#include <cstdlib>

#include "ota/ledger/frame.h"
#include "ota/ledger/record.h"

namespace kernel_exporter {
namespace {

void check_payload(std::string_view payload) {
  const auto record = decode_record(payload);
  if (!record) return;
  const std::string written = encode_record(*record);
  const auto again = decode_record(written);
  if (!again || encode_record(*again) != written) abort();
  const ScannedRecords scanned = scan_records(frame_record(written));
  if (scanned.payloads.size() != 1 || scanned.payloads[0] != written || scanned.damaged > 0)
    abort();
}

void run(std::string_view bytes) {
  for (const std::string& payload : scan_records(bytes).payloads) check_payload(payload);
  check_payload(bytes);
}

}  // namespace
}  // namespace kernel_exporter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kernel_exporter::run({reinterpret_cast<const char*>(data), size});
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kernel_exporter {

// What SWUpdate sends over its two UNIX sockets. Integers are of the machine's own byte order.
// Layouts are those of progress_ipc.h and network_ipc.h (libswupdate-dev).

// RECOVERY_STATUS of swupdate_status.h, whose order never changes.
enum class SwupdateStatus {
  kIdle,
  kStart,
  kRun,
  kSuccess,
  kFailure,
  kDownload,
  kDone,
  kSubprocess,
  kProgress,
};
constexpr uint32_t kSwupdateStatusCount = 9;

// sourcetype: who brought the image.
enum class SwupdateSource {
  kUnknown,
  kWebserver,
  kSuricatta,
  kDownloader,
  kLocal,
  kChunksDownloader,
};

// One message of the progress socket.
struct SwupdateProgress {
  SwupdateStatus status = SwupdateStatus::kIdle;
  uint32_t download_percent = 0;
  uint64_t download_bytes = 0;  // size of the whole download, 0: not known
  uint32_t steps = 0;
  uint32_t step = 0;  // from 1 on; steps + 1 while the boot environment is written
  uint32_t step_percent = 0;
  std::string image;
  std::string handler;
  SwupdateSource source = SwupdateSource::kUnknown;
  std::string info;  // "" where the message brings none

  bool operator==(const SwupdateProgress&) const = default;
};

// The stream of the progress socket, in any of the three layouts that there ever were:
//   up to 2023.05   2416 bytes, the first word 0
//   up to 2025.05   2416 bytes, the first word the version of the interface (1.x, 2.x)
//   from 2025.12 on 2408 bytes, packed, version 2.x
// Version 2 opens with 8 bytes of greeting. 2.x does not say whether it is packed: that is decided
// by the one layout in which the messages make sense, never by one of two that do.
class SwupdateProgressReader {
 public:
  // All messages that are complete after these bytes. An error is final: the stream is of a layout
  // that is not known, or out of step.
  [[nodiscard]] Result<std::vector<SwupdateProgress>> read(std::string_view bytes);

 private:
  Result<bool> greet();
  Result<bool> choose_layout();

  std::string buffer_;
  bool greeted_ = false;
  uint32_t version_ = 0;
  size_t frame_bytes_ = 0;  // 0: not known yet
};

// One message of the control socket after a subscription.
struct SwupdateNotice {
  bool answer = false;  // to the subscription; `status` is what the engine does now
  SwupdateStatus status = SwupdateStatus::kIdle;
  uint32_t error = 0;  // with kFailure: 1 ends the installation, 0 explains it beforehand
  std::string text;

  bool operator==(const SwupdateNotice&) const = default;
};

// What to send to the control socket in order to be told.
std::string swupdate_subscription();

class SwupdateNoticeReader {
 public:
  // As SwupdateProgressReader.
  [[nodiscard]] Result<std::vector<SwupdateNotice>> read(std::string_view bytes);

 private:
  std::string buffer_;
};

}  // namespace kernel_exporter

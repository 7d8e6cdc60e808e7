// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "../../../exposition/gunzip.h"
#include "host/text_file.h"

namespace kernel_exporter {

// What SWUpdate 2022.12 sent during a real update, from before its start to its end; `name` is a
// file of tests/ota/engine/swupdate/recorded without ".gz".
inline std::string swupdate_recording(const std::string& name) {
  const auto packed = read_text_file(
      KERNEL_EXPORTER_SOURCE_DIR "/tests/ota/engine/swupdate/recorded/swupdate_" + name + ".gz");
  return packed ? gunzip(*packed) : std::string();
}

}  // namespace kernel_exporter

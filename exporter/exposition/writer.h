// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "exposition/format.h"
#include "metrics/sample_sink.h"

namespace kernel_exporter {

// A sink that appends to `out` (which outlives it). finish() ends the exposition (`# EOF`).
class Writer : public SampleSink {
 public:
  virtual void finish() = 0;
};
std::unique_ptr<Writer> make_writer(Format format, std::string& out);

}  // namespace kernel_exporter

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "metrics/sample_sink.h"

namespace kernel_exporter {

enum class Format { kText004, kOpenMetrics100 };

// The format that an Accept header asks for: OpenMetrics 1.0 when it has the highest quality, text
// 0.0.4 for everything else, an absent header included.
Format negotiate_format(std::string_view accept);

// The Content-Type of a format.
std::string_view content_type(Format format);

// True when an Accept-Encoding header allows gzip (a quality above 0).
bool accepts_gzip(std::string_view accept_encoding);

// A sink that appends to `out` (which outlives it). finish() ends the exposition (`# EOF`).
class Writer : public SampleSink {
 public:
  virtual void finish() = 0;
};
std::unique_ptr<Writer> make_writer(Format format, std::string& out);

}  // namespace kernel_exporter

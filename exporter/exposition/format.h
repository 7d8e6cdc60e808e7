// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace kernel_exporter {

enum class Format { kText004, kOpenMetrics100 };

// The format that an Accept header asks for: OpenMetrics 1.0 when it has the highest quality (the
// first one named wins a tie), text 0.0.4 for everything else, an absent header included.
Format negotiate_format(std::string_view accept);

// The Content-Type of a format.
std::string_view content_type(Format format);

// True when an Accept-Encoding header allows gzip (a quality above 0).
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace kernel_exporter

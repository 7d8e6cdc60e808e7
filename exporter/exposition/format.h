// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace kernel_exporter {

enum class Format { kText004, kOpenMetrics100 };

// The format that an Accept header asks for, as RFC 9110 says: the one with the higher quality, of
// equals the one named first; text 0.0.4 where nothing decides, an absent header included.
Format negotiate_format(std::string_view accept);

// The Content-Type of a format.
std::string_view content_type(Format format);

// True when an Accept-Encoding header allows gzip (a quality above 0).
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace kernel_exporter

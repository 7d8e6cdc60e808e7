// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace kernel_exporter {

// The parts of a request that an answer depends on; absent headers are empty, those that came in
// several lines are joined by commas (RFC 9110, section 5.3).
struct HttpRequest {
  std::string method;
  std::string path;   // as sent: not decoded, no dot segments removed
  std::string query;  // without the question mark
  std::string host;
  std::string origin;
  std::string accept;
  std::string accept_encoding;
  std::string scrape_timeout;
  std::string local_address;  // where the server listens; 0.0.0.0 is every address
  uint16_t local_port = 0;
};

}  // namespace kernel_exporter

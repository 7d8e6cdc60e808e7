// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace kernel_exporter {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;  // beyond type and length
  std::string body;
};

// A line of text.
HttpResponse plain_response(int status, std::string text);

}  // namespace kernel_exporter

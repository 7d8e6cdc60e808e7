// SPDX-License-Identifier: Apache-2.0
#include "http/response.h"

namespace kernel_exporter {

HttpResponse plain_response(int status, std::string text) {
  HttpResponse response{.status = status, .headers = {}, .body = std::move(text)};
  response.body += '\n';
  return response;
}

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/error.h"
#include "http/router.h"

namespace kernel_exporter {

struct HttpOptions {
  std::string listen_address = "127.0.0.1:10435";  // HOST:PORT, IPv4; port 0 picks a free one
  // Each costs memory. Two: one for scrapes, the other for readiness checks and people.
  int threads = 2;
  bool enable_lifecycle = false;
};

// GET and HEAD /metrics, /, /-/healthy, /-/ready, POST /-/reload. Serves from start to destruction,
// which lets a scrape in flight finish and then ends within a second, open connections or not.
class HttpServer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(const HttpOptions& options,
                                                                 HttpHandlers handlers);
  virtual ~HttpServer() = default;

  virtual int port() const = 0;

  // Asks over the network stack whether /-/healthy is answered; one thread at a time. The error
  // says what did not happen in time.
  [[nodiscard]] virtual Result<void> check(std::chrono::milliseconds patience) = 0;
};

}  // namespace kernel_exporter

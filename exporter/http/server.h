#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "metrics/sample_sink.h"

namespace kernel_exporter {

struct ScrapeRequest {
  std::vector<std::string> collect;  // names from collect[]; empty: everything
  std::chrono::steady_clock::time_point deadline;
};

enum class ScrapeOutcome { kComplete, kPartial };

// What the server serves; each is called from any worker thread and must not throw.
struct HttpHandlers {
  // An error is the client's (unknown name in collect[]) and becomes a 400 with its message.
  std::function<Result<ScrapeOutcome>(const ScrapeRequest&, SampleSink&)> scrape;
  std::function<std::string()> landing_page;  // HTML
  std::function<bool()> ready;
  std::function<Result<void>()> reload;  // POST /-/reload; an error becomes a 500 with its message
};

struct HttpOptions {
  std::string listen_address = "127.0.0.1:10435";  // HOST:PORT, IPv4; port 0 picks a free one
  int threads = 8;
};

// GET and HEAD /metrics, /, /-/healthy, /-/ready, POST /-/reload. Serves from construction to
// destruction.
class HttpServer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(const HttpOptions& options,
                                                                 HttpHandlers handlers);
  virtual ~HttpServer() = default;

  virtual int port() const = 0;
};

}  // namespace kernel_exporter

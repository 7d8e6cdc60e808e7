// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "exposition/format.h"
#include "http/scrape_request.h"
#include "metrics/sample_sink.h"

namespace kernel_exporter {

enum class ScrapeOutcome { kComplete, kPartial };

// What the server serves; each is called from any worker thread and must not throw.
struct HttpHandlers {
  // An error is the client's (unknown name in collect[]) and becomes a 400 with its message.
  std::function<Result<ScrapeOutcome>(const ScrapeRequest&, SampleSink&)> scrape;
  std::function<std::string()> landing_page;  // HTML
  std::function<bool()> ready;
  std::function<Result<void>()> reload;  // POST /-/reload; an error becomes a 500 with its message
};

// The parts of a request that an answer depends on; absent headers are empty.
struct HttpRequest {
  std::string_view method;
  std::string_view path;
  std::string_view query;
  std::string_view accept;
  std::string_view accept_encoding;
  std::string_view scrape_timeout;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;  // beyond type and length
  std::string body;
};

// From a request to its answer, without a socket. Thread-safe; does not throw but for memory.
class Router {
 public:
  explicit Router(HttpHandlers handlers) : handlers_(std::move(handlers)) {}

  HttpResponse answer(const HttpRequest& request) const;

 private:
  HttpResponse metrics(const HttpRequest& request) const;
  HttpResponse landing(const HttpRequest& request) const;
  HttpResponse healthy(const HttpRequest& request) const;
  HttpResponse ready(const HttpRequest& request) const;
  HttpResponse reload(const HttpRequest& request) const;

  const HttpHandlers handlers_;
  // What the last exposition of each format took, so that the next one grows its buffer once.
  mutable std::array<std::atomic<size_t>, 2> last_size_{};
};

}  // namespace kernel_exporter

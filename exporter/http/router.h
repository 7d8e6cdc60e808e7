// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "exposition/format.h"
#include "http/request.h"
#include "http/response.h"
#include "http/scrape_request.h"
#include "metrics/sample_sink.h"

namespace kernel_exporter {

enum class ScrapeOutcome { kComplete, kPartial };

// What the server serves; each is called from any worker thread and must not throw.
struct HttpHandlers {
  // An error is the client's (unknown name in collect[]) and becomes a 400 with its message.
  std::function<Result<ScrapeOutcome>(const ScrapeRequest&, SampleSink&)> scrape;
  std::function<std::string()> landing_page;  // HTML
  std::function<bool()> healthy;              // false: hangs
  std::function<Result<void>()> ready;   // asked of a healthy one; an error says what is missing
  std::function<Result<void>()> reload;  // POST /-/reload; an error becomes a 500 with its message
};

struct RouterOptions {
  bool enable_lifecycle = false;  // answers requests that change something
};

// From a request to its answer, without a socket. Thread-safe; does not throw but for memory.
class Router {
 public:
  Router(HttpHandlers handlers, RouterOptions options)
      : handlers_(std::move(handlers)), options_(options) {}

  HttpResponse answer(const HttpRequest& request) const;

 private:
  HttpResponse metrics(const HttpRequest& request) const;
  HttpResponse landing(const HttpRequest& request) const;
  HttpResponse healthy(const HttpRequest& request) const;
  HttpResponse ready(const HttpRequest& request) const;
  HttpResponse reload(const HttpRequest& request) const;

  const HttpHandlers handlers_;
  const RouterOptions options_;
  // What the last exposition of each format took, so that the next one grows its buffer once.
  mutable std::array<std::atomic<size_t>, 2> last_size_{};
};

}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "http/router.h"

#include <algorithm>

#include "exposition/gzip.h"
#include "exposition/writer.h"

namespace kernel_exporter {
namespace {

// Room for a few new series before the buffer has to grow.
constexpr size_t kReserveMargin = 4096;

HttpResponse plain(int status, std::string text) {
  HttpResponse response{.status = status, .headers = {}, .body = std::move(text)};
  response.body += '\n';
  return response;
}

HttpResponse method_not_allowed(std::string allowed) {
  auto response = plain(405, "method not allowed here; allowed: " + allowed);
  response.headers.emplace_back("Allow", std::move(allowed));
  return response;
}

// A body that cannot be compressed is sent as it is: the client reads both.
void compress(HttpResponse& response) {
  auto packed = gzip(response.body);
  if (!packed) return;
  response.body = std::move(*packed);
  response.headers.emplace_back("Content-Encoding", "gzip");
}

}  // namespace

HttpResponse Router::answer(const HttpRequest& request) const {
  struct Route {
    std::string_view path;
    bool is_action;
    HttpResponse (Router::*handle)(const HttpRequest&) const;
  };
  static constexpr Route kRoutes[] = {
      {"/metrics", false, &Router::metrics},   {"/", false, &Router::landing},
      {"/-/healthy", false, &Router::healthy}, {"/-/ready", false, &Router::ready},
      {"/-/reload", true, &Router::reload},
  };
  const auto route = std::find_if(std::begin(kRoutes), std::end(kRoutes),
                                  [&](const Route& r) { return r.path == request.path; });
  if (route == std::end(kRoutes)) return plain(404, "not found; metrics are at /metrics");
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  const bool allowed = route->is_action ? request.method == "POST" : is_read;
  if (!allowed) return method_not_allowed(route->is_action ? "POST" : "GET, HEAD");
  return (this->*route->handle)(request);
}

HttpResponse Router::metrics(const HttpRequest& request) const {
  const ScrapeRequest scrape{
      .collect = parse_collect(request.query),
      .deadline = std::chrono::steady_clock::now() + scrape_budget(request.scrape_timeout)};
  const Format format = negotiate_format(request.accept);
  auto& last_size = last_size_[format == Format::kOpenMetrics100 ? 1 : 0];

  HttpResponse response{
      .content_type = std::string(content_type(format)), .headers = {}, .body = {}};
  response.body.reserve(last_size.load(std::memory_order_relaxed) + kReserveMargin);
  const auto writer = make_writer(format, response.body);
  const auto outcome = handlers_.scrape(scrape, *writer);
  if (!outcome) return plain(400, outcome.error().message);
  writer->finish();
  // A scrape of a few collectors says nothing about the size of the next full one.
  if (scrape.collect.empty()) last_size.store(response.body.size(), std::memory_order_relaxed);

  response.headers.emplace_back("Vary", "Accept, Accept-Encoding");
  if (*outcome == ScrapeOutcome::kPartial) {
    response.headers.emplace_back("X-Kernel-Exporter-Partial", "1");
  }
  if (accepts_gzip(request.accept_encoding)) compress(response);
  return response;
}

HttpResponse Router::landing(const HttpRequest&) const {
  return {
      .content_type = "text/html; charset=utf-8", .headers = {}, .body = handlers_.landing_page()};
}

HttpResponse Router::healthy(const HttpRequest&) const { return plain(200, "healthy"); }

HttpResponse Router::ready(const HttpRequest&) const {
  return handlers_.ready() ? plain(200, "ready") : plain(503, "not ready");
}

HttpResponse Router::reload(const HttpRequest&) const {
  const auto reloaded = handlers_.reload();
  return reloaded ? plain(200, "reloaded") : plain(500, reloaded.error().message);
}

}  // namespace kernel_exporter

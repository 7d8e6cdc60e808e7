// SPDX-License-Identifier: Apache-2.0
#include "http/router.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "exposition/gzip.h"
#include "exposition/writer.h"
#include "http/same_site.h"

namespace kernel_exporter {
namespace {

// Room for a few new series before the buffer has to grow.
constexpr size_t kReserveMargin = 4096;
constexpr std::string_view kCollect = "collect[]";

HttpResponse with_allow(HttpResponse response, std::string allowed) {
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
  const auto* const route =
      std::find_if(std::begin(kRoutes), std::end(kRoutes),
                   [&](const Route& known) { return known.path == request.path; });
  if (route == std::end(kRoutes)) return plain_response(404, "not found; metrics are at /metrics");
  const std::string allowed = route->is_action ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
  if (request.method == "OPTIONS") {
    return with_allow({.status = 204, .headers = {}, .body = {}}, allowed);
  }
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  if (route->is_action ? request.method != "POST" : !is_read) {
    return with_allow(plain_response(405, "method not allowed here; allowed: " + allowed), allowed);
  }
  const std::string_view takes = route->path == "/metrics" ? kCollect : "";
  if (const auto name = unknown_parameter(request.query, takes)) {
    return plain_response(400, fmt::format("unknown query parameter \"{}\"{}", printable(*name),
                                           takes.empty() ? "" : "; known: collect[]"));
  }
  return (this->*route->handle)(request);
}

HttpResponse Router::metrics(const HttpRequest& request) const {
  const ScrapeRequest scrape{
      .collect = values_of(request.query, kCollect),
      .deadline = std::chrono::steady_clock::now() + scrape_budget(request.scrape_timeout)};
  const Format format = negotiate_format(request.accept);
  auto& last_size = last_size_[format == Format::kOpenMetrics100 ? 1 : 0];

  HttpResponse response{
      .content_type = std::string(content_type(format)), .headers = {}, .body = {}};
  response.body.reserve(last_size.load(std::memory_order_relaxed) + kReserveMargin);
  const auto writer = make_writer(format, response.body);
  const auto outcome = handlers_.scrape(scrape, *writer);
  if (!outcome) return plain_response(400, outcome.error().message);
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

HttpResponse Router::healthy(const HttpRequest&) const {
  return handlers_.healthy() ? plain_response(200, "healthy")
                             : plain_response(503, "not healthy: a scrape does not end");
}

HttpResponse Router::ready(const HttpRequest& request) const {
  if (auto unhealthy = healthy(request); unhealthy.status != 200) return unhealthy;
  const auto ready = handlers_.ready();
  return ready ? plain_response(200, "ready")
               : plain_response(503, "not ready: " + ready.error().message);
}

HttpResponse Router::reload(const HttpRequest& request) const {
  if (!options_.enable_lifecycle) {
    return plain_response(403, "reloading over HTTP is off; --web.enable-lifecycle allows it");
  }
  if (const auto local = check_same_site(request); !local) {
    return plain_response(403, local.error().message);
  }
  const auto reloaded = handlers_.reload();
  return reloaded ? plain_response(200, "reloaded") : plain_response(500, reloaded.error().message);
}

}  // namespace kernel_exporter

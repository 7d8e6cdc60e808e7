// SPDX-License-Identifier: Apache-2.0
#include "http/router.h"

#include <gtest/gtest.h>

#include "test_handlers.h"

namespace kernel_exporter {
namespace {

std::string header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

HttpResponse ask(const HttpHandlers& handlers, std::string_view method, std::string_view path) {
  HttpRequest request;
  request.method = method;
  request.path = path;
  request.host = "127.0.0.1:10435";
  request.local_address = "127.0.0.1";
  request.local_port = 10435;
  return Router(handlers, {.enable_lifecycle = true}).answer(request);
}

TEST(Router, AnswersExactPathsAndTheirMethodsOnly) {
  struct Row {
    const char* method;
    const char* path;
    int status;
    const char* allow;
  };
  const Row rows[] = {
      {"GET", "/metrics", 200, ""},
      {"HEAD", "/metrics", 200, ""},
      {"POST", "/metrics", 405, "GET, HEAD, OPTIONS"},
      {"DELETE", "/metrics", 405, "GET, HEAD, OPTIONS"},
      {"GET", "/metrics/", 404, ""},
      {"GET", "/metrics/foo", 404, ""},
      {"GET", "/metricsx", 404, ""},
      {"GET", "/Metrics", 404, ""},
      {"GET", "/", 200, ""},
      {"GET", "", 404, ""},
      {"PUT", "/", 405, "GET, HEAD, OPTIONS"},
      {"GET", "/-/healthy", 200, ""},
      {"GET", "/-/healthyx", 404, ""},
      {"POST", "/-/healthy", 405, "GET, HEAD, OPTIONS"},
      {"GET", "/-/ready", 200, ""},
      {"POST", "/-/reload", 200, ""},
      {"GET", "/-/reload", 405, "POST, OPTIONS"},
      {"HEAD", "/-/reload", 405, "POST, OPTIONS"},
      {"GET", "/etc/passwd", 404, ""},
      {"GET", "/metrics/../-/healthy", 404, ""},
      {"POST", "/metrics/../-/reload", 404, ""},
      {"POST", "//-/reload", 404, ""},
      {"OPTIONS", "/metrics", 204, "GET, HEAD, OPTIONS"},
      {"OPTIONS", "/-/reload", 204, "POST, OPTIONS"},
      {"OPTIONS", "/nosuch", 404, ""},
      {"TRACE", "/", 405, "GET, HEAD, OPTIONS"},
      {"get", "/metrics", 405, "GET, HEAD, OPTIONS"},
      {"BREW", "/metrics", 405, "GET, HEAD, OPTIONS"},
  };
  for (const auto& row : rows) {
    const auto response = ask(plain_handlers(), row.method, row.path);
    EXPECT_EQ(response.status, row.status) << row.method << " " << row.path;
    EXPECT_EQ(header(response, "Allow"), row.allow) << row.method << " " << row.path;
  }
}

TEST(Router, HandsTheRequestToTheScrape) {
  auto handlers = plain_handlers();
  ScrapeRequest seen;
  handlers.scrape = [&](const ScrapeRequest& request, SampleSink&) -> Result<ScrapeOutcome> {
    seen = request;
    return ScrapeOutcome::kComplete;
  };
  HttpRequest request;
  request.method = "GET";
  request.path = "/metrics";
  request.query = "collect[]=softirq";
  request.scrape_timeout = "5";
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(Router(handlers, {}).answer(request).status, 200);
  EXPECT_EQ(seen.collect, std::vector<std::string>{"softirq"});
  EXPECT_GE(seen.deadline, before + std::chrono::milliseconds(4750));
  EXPECT_LE(seen.deadline, std::chrono::steady_clock::now() + std::chrono::milliseconds(4750));
}

TEST(Router, MarksPartialDataAndOnlyThat) {
  auto handlers = plain_handlers();
  EXPECT_EQ(header(ask(handlers, "GET", "/metrics"), "X-Kernel-Exporter-Partial"), "");
  handlers.scrape = [](const ScrapeRequest&, SampleSink&) -> Result<ScrapeOutcome> {
    return ScrapeOutcome::kPartial;
  };
  const auto response = ask(handlers, "GET", "/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header(response, "X-Kernel-Exporter-Partial"), "1");
}

TEST(Router, AnswersARefusedScrapeWithItsReasonAndNoSamples) {
  auto handlers = plain_handlers();
  handlers.scrape = [](const ScrapeRequest&, SampleSink& sink) -> Result<ScrapeOutcome> {
    const FamilyHeader header;
    FamilyStream(sink, header).add({}, uint64_t{1});
    return fail("collect[]: no probe \"nosuch\"");
  };
  const auto response = ask(handlers, "GET", "/metrics");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(response.body, "collect[]: no probe \"nosuch\"\n");
}

TEST(Router, RefusesAQueryParameterThatItDoesNotKnow) {
  struct Row {
    const char* path;
    const char* query;
    int status;
    const char* body;
  };
  const Row rows[] = {
      {"/metrics", "", 200, ""},
      {"/metrics", "collect[]=softirq", 200, ""},
      {"/metrics", "collect=softirq", 400,
       "unknown query parameter \"collect\"; known: collect[]\n"},
      {"/metrics", "collect[]=softirq&name[]=a%0ab", 400,
       "unknown query parameter \"name[]\"; known: collect[]\n"},
      {"/metrics", "a%0ab=1", 400, "unknown query parameter \"a\\nb\"; known: collect[]\n"},
      {"/", "collect[]=softirq", 400, "unknown query parameter \"collect[]\"\n"},
      {"/-/healthy", "x", 400, "unknown query parameter \"x\"\n"},
  };
  for (const auto& row : rows) {
    HttpRequest request;
    request.method = "GET";
    request.path = row.path;
    request.query = row.query;
    const auto response = Router(plain_handlers(), {}).answer(request);
    EXPECT_EQ(response.status, row.status) << row.query;
    if (row.status != 200) {
      EXPECT_EQ(response.body, row.body);
    }
  }
}

TEST(Router, ReloadsOnlyWhenAllowedAndForNoOtherSite) {
  int reloads = 0;
  auto handlers = plain_handlers();
  handlers.reload = [&]() -> Result<void> {
    ++reloads;
    return {};
  };
  HttpRequest request;
  request.method = "POST";
  request.path = "/-/reload";
  request.host = "127.0.0.1:10435";
  request.local_address = "127.0.0.1";
  request.local_port = 10435;
  const auto off = Router(handlers, {}).answer(request);
  EXPECT_EQ(off.status, 403);
  EXPECT_NE(off.body.find("--web.enable-lifecycle"), std::string::npos);
  request.origin = "http://evil.example";
  EXPECT_EQ(Router(handlers, {.enable_lifecycle = true}).answer(request).status, 403);
  EXPECT_EQ(reloads, 0);
  request.origin = "";
  EXPECT_EQ(Router(handlers, {.enable_lifecycle = true}).answer(request).status, 200);
  EXPECT_EQ(reloads, 1);
}

TEST(Router, SaysWhenItIsNotReadyOrCannotReload) {
  auto handlers = plain_handlers();
  handlers.ready = []() -> Result<void> { return fail("no probe is attached"); };
  handlers.reload = []() -> Result<void> { return fail("rules/events/softirq.yaml:3: bad"); };
  EXPECT_EQ(ask(handlers, "GET", "/-/ready").status, 503);
  EXPECT_EQ(ask(handlers, "GET", "/-/ready").body, "not ready: no probe is attached\n");
  EXPECT_EQ(ask(handlers, "GET", "/-/healthy").status, 200);
  handlers.healthy = [] { return false; };
  EXPECT_EQ(ask(handlers, "GET", "/-/healthy").status, 503);
  EXPECT_EQ(ask(handlers, "GET", "/-/ready").body, "not healthy: a scrape does not end\n");
  const auto reload = ask(handlers, "POST", "/-/reload");
  EXPECT_EQ(reload.status, 500);
  EXPECT_EQ(reload.body, "rules/events/softirq.yaml:3: bad\n");
}

}  // namespace
}  // namespace kernel_exporter

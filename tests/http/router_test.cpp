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
  return Router(handlers).answer(request);
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
      {"POST", "/metrics", 405, "GET, HEAD"},
      {"DELETE", "/metrics", 405, "GET, HEAD"},
      {"GET", "/metrics/", 404, ""},
      {"GET", "/metrics/foo", 404, ""},
      {"GET", "/metricsx", 404, ""},
      {"GET", "/Metrics", 404, ""},
      {"GET", "/", 200, ""},
      {"GET", "", 404, ""},
      {"PUT", "/", 405, "GET, HEAD"},
      {"GET", "/-/healthy", 200, ""},
      {"GET", "/-/healthyx", 404, ""},
      {"POST", "/-/healthy", 405, "GET, HEAD"},
      {"GET", "/-/ready", 200, ""},
      {"POST", "/-/reload", 200, ""},
      {"GET", "/-/reload", 405, "POST"},
      {"HEAD", "/-/reload", 405, "POST"},
      {"GET", "/etc/passwd", 404, ""},
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
  request.query = "collect[]=softirq&x=y";
  request.scrape_timeout = "5";
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(Router(handlers).answer(request).status, 200);
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

TEST(Router, SaysWhenItIsNotReadyOrCannotReload) {
  auto handlers = plain_handlers();
  handlers.ready = [] { return false; };
  handlers.reload = []() -> Result<void> { return fail("rules/events/softirq.yaml:3: bad"); };
  EXPECT_EQ(ask(handlers, "GET", "/-/ready").status, 503);
  EXPECT_EQ(ask(handlers, "GET", "/-/healthy").status, 200);
  const auto reload = ask(handlers, "POST", "/-/reload");
  EXPECT_EQ(reload.status, 500);
  EXPECT_EQ(reload.body, "rules/events/softirq.yaml:3: bad\n");
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "http_client.h"
#include "test_handlers.h"

namespace kernel_exporter {
namespace {

using namespace std::string_literals;

std::unique_ptr<HttpServer> serve(HttpHandlers handlers = plain_handlers()) {
  auto server = HttpServer::start({.listen_address = "127.0.0.1:0", .enable_lifecycle = true},
                                  std::move(handlers));
  if (!server) throw std::runtime_error(server.error().message);
  return std::move(*server);
}

TEST(HttpServer, ServesBothFormats) {
  const auto server = serve();
  const auto text = http_get(server->port(), "/metrics");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->status, 200);
  EXPECT_EQ(text->header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(text->header("vary"), "Accept, Accept-Encoding");
  EXPECT_EQ(text->header("content-encoding"), "");
  EXPECT_EQ(text->body, kPlainText);

  const auto open_metrics =
      http_get(server->port(), "/metrics", "Accept: application/openmetrics-text\r\n");
  ASSERT_TRUE(open_metrics);
  EXPECT_EQ(open_metrics->header("content-type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_EQ(open_metrics->body, kPlainOpenMetrics);
}

TEST(HttpServer, CompressesWhenAsked) {
  const auto server = serve();
  const auto reply = http_get(server->port(), "/metrics", "Accept-Encoding: gzip\r\n");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->header("content-encoding"), "gzip");
  EXPECT_NE(reply->raw_body, kPlainText);
  EXPECT_EQ(reply->body, kPlainText);
}

TEST(HttpServer, ReadsAcceptAsRfc9110Says) {
  const auto server = serve();
  std::string many;
  for (int i = 0; i < 60; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  struct Row {
    std::string headers;
    bool is_open_metrics;
  };
  const Row rows[] = {
      {"Accept: text/plain\r\nAccept: application/openmetrics-text;q=0.9\r\n", false},
      {"Accept: text/plain;q=0.5\r\nAccept: application/openmetrics-text;q=0.9\r\n", true},
      {"Accept: application/*\r\n", true},
      {"Accept: application/*;q=0.5, text/plain;q=0.6\r\n", false},
      {many + "Accept: application/openmetrics-text\r\n", true},
      {many, false},
  };
  for (const auto& row : rows) {
    const auto reply = http_get(server->port(), "/metrics", row.headers);
    ASSERT_TRUE(reply) << row.headers;
    EXPECT_EQ(reply->body, row.is_open_metrics ? kPlainOpenMetrics : kPlainText) << row.headers;
  }
}

TEST(HttpServer, AnswersHeadLikeGetWithoutTheBody) {
  const auto server = serve();
  for (const char* target : {"/metrics", "/", "/-/healthy", "/nosuch"}) {
    for (const char* headers : {"", "Accept-Encoding: gzip\r\n"}) {
      const auto get = http_get(server->port(), target, headers);
      const auto head = http_request(server->port(), "HEAD", target, headers);
      ASSERT_TRUE(get && head) << target;
      EXPECT_EQ(head->status, get->status) << target;
      EXPECT_EQ(head->headers, get->headers) << target;
      EXPECT_EQ(head->raw_body, "") << target;
    }
  }
}

TEST(HttpServer, RoutesWhatArrivesOnTheWire) {
  const auto server = serve();
  struct Row {
    const char* method;
    const char* target;
    int status;
  };
  const Row rows[] = {
      {"GET", "/", 200},
      {"GET", "/-/healthy", 200},
      {"GET", "/-/ready", 200},
      {"GET", "/-/healthyx", 404},
      {"GET", "/metrics/foo", 404},
      {"GET", "/metrics?unknown=1&collect[]=softirq", 400},
      {"GET", "/metrics?collect[]=softirq", 200},
      {"POST", "/metrics/../-/reload", 404},
      {"POST", "/-/reload", 200},
      {"GET", "/-/reload", 405},
      {"POST", "/metrics", 405},
      {"DELETE", "/metrics", 405},
      {"OPTIONS", "/metrics", 204},
      {"PUT", "/nosuch", 404},
      {"POST", "//-/reload", 404},
      {"POST", "/-\\reload", 404},
      {"GET", "/../../../../etc/passwd", 404},
      {"GET", "/%6detrics", 404},
      {"GET", "/%2e%2e/%2e%2e/etc/passwd", 404},
      {"GET", "/metrics%00", 404},
  };
  for (const auto& row : rows) {
    const auto reply = http_request(server->port(), row.method, row.target);
    ASSERT_TRUE(reply) << row.method << " " << row.target;
    EXPECT_EQ(reply->status, row.status) << row.method << " " << row.target;
  }
}

TEST(HttpServer, AnswersAbsoluteTargetsWithItsPort) {
  const auto server = serve();
  const std::string port = std::to_string(server->port());
  for (const std::string& host : {"127.0.0.1:"s, "elsewhere:"s}) {
    const auto reply = http_get(server->port(), "http://" + host + port + "/metrics");
    ASSERT_TRUE(reply) << host;
    EXPECT_EQ(reply->body, kPlainText) << host;
  }
}

TEST(HttpServer, ReloadsForNoOtherSite) {
  const auto server = serve();
  const std::string port = std::to_string(server->port());
  const std::string other_sites[] = {"Host: evil.example:" + port + "\r\n",
                                     "Origin: http://evil.example\r\n"};
  for (const std::string& headers : other_sites) {
    const auto reply = http_request(server->port(), "POST", "/-/reload", headers);
    ASSERT_TRUE(reply) << headers;
    EXPECT_EQ(reply->status, 403) << headers;
  }
}

TEST(HttpServer, AnswersARequestWithABodyThatNobodyReads) {
  const auto server = serve();
  const auto reply = http_request(server->port(), "POST", "/-/reload", "", std::string(2000, 'x'));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
}

TEST(HttpServer, SendsALargeExpositionWhole) {
  auto handlers = plain_handlers();
  constexpr int kSeries = 200000;
  handlers.scrape = [](const ScrapeRequest&, SampleSink& sink) -> Result<ScrapeOutcome> {
    FamilyHeader header;
    header.name = "kernel_events_total";
    FamilyStream stream(sink, header);
    for (int i = 0; i < kSeries; ++i) stream.add({{"i", std::to_string(i)}}, uint64_t{1});
    return ScrapeOutcome::kComplete;
  };
  const auto server = serve(std::move(handlers));
  const auto reply = http_get(server->port(), "/metrics");
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->body.ends_with("{i=\"199999\"} 1\n"));
}

TEST(HttpServer, RefusesOversizedRequestsAndGoesOn) {
  const auto server = serve();
  const auto connection = connect_loopback(server->port());
  send_text(connection, "GET /metrics?" + std::string(100000, 'x') + " HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(receive_all(connection).starts_with("HTTP/1.0 400 "));
  EXPECT_TRUE(http_get(server->port(), "/metrics"));
}

TEST(HttpServer, SurvivesRequestsThatAreNone) {
  const auto server = serve();
  for (const auto& garbage :
       {std::string("\0\0\0\0\r\n\r\n", 8), std::string("\x16\x03\x01\x02\x00\x01\r\n\r\n", 10),
        std::string("GET\r\n\r\n"), std::string("GET /metrics HTTP/9.9\r\n\r\n"),
        std::string("\xff\xfe /metrics HTTP/1.1\r\n\r\n")}) {
    const auto connection = connect_loopback(server->port());
    send_text(connection, garbage);
    const std::string answer = receive_all(connection);
    EXPECT_TRUE(answer.find(" 400 ") == 8 || answer.find(" 505 ") == 8) << answer;
  }
  EXPECT_TRUE(http_get(server->port(), "/metrics"));
}

TEST(HttpServer, TurnsAThrowingHandlerInto500) {
  auto handlers = plain_handlers();
  handlers.landing_page = []() -> std::string { throw std::runtime_error("broken"); };
  const auto server = serve(std::move(handlers));
  const auto reply = http_get(server->port(), "/");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 500);
  EXPECT_TRUE(http_get(server->port(), "/metrics"));
}

TEST(HttpServer, ServesManyAtOnce) {
  const auto server = serve();
  std::atomic<int> good = 0;
  std::vector<std::jthread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      for (int n = 0; n < 20; ++n) {
        const auto reply = http_get(server->port(), "/metrics");
        if (reply && reply->body == kPlainText) ++good;
      }
    });
  }
  clients.clear();
  EXPECT_EQ(good, 16 * 20);
}

TEST(HttpServer, NamesTheAddressInUseAndTheRemedy) {
  const auto first = serve();
  const std::string address = "127.0.0.1:" + std::to_string(first->port());
  const auto second = HttpServer::start({.listen_address = address}, plain_handlers());
  ASSERT_FALSE(second);
  const auto& message = second.error().message;
  EXPECT_NE(message.find(address), std::string::npos) << message;
  EXPECT_NE(message.find("in use"), std::string::npos) << message;
  EXPECT_NE(message.find("--web.listen-address"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

TEST(HttpServer, ChecksItself) {
  auto handlers = plain_handlers();
  std::atomic<bool> ready = true;
  handlers.healthy = [&] { return ready.load(); };
  const auto server = serve(std::move(handlers));
  EXPECT_TRUE(server->check(std::chrono::seconds(10)));
  ready = false;
  EXPECT_FALSE(server->check(std::chrono::seconds(10)));
}

TEST(HttpServer, RefusesWhatItCannotServe) {
  EXPECT_FALSE(HttpServer::start({.listen_address = "[::1]:0"}, plain_handlers()));
  EXPECT_FALSE(
      HttpServer::start({.listen_address = "127.0.0.1:0", .threads = 0}, plain_handlers()));
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>
#include <vector>

#include "http/server.h"
#include "http_client.h"
#include "test_handlers.h"

namespace kernel_exporter {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::unique_ptr<HttpServer> serve(HttpHandlers handlers) {
  auto server = HttpServer::start({.listen_address = "127.0.0.1:0"}, std::move(handlers));
  if (!server) throw std::runtime_error(server.error().message);
  return std::move(*server);
}

Clock::duration time_stop(std::unique_ptr<HttpServer>& server) {
  const auto start = Clock::now();
  server.reset();
  const auto took = Clock::now() - start;
  std::printf("stop took %d ms\n", static_cast<int>(took / 1ms));
  return took;
}

TEST(StopServer, IsQuickWhenIdle) {
  auto server = serve(plain_handlers());
  EXPECT_LT(time_stop(server), 1s);
}

TEST(StopServer, IsQuickWithOpenConnections) {
  auto server = serve(plain_handlers());
  std::vector<UniqueFd> connections;
  for (int i = 0; i < 40; ++i) {
    connections.push_back(connect_loopback(server->port()));
    send_text(connections.back(), i % 2 == 0 ? "" : "GET /metrics HTTP/1.1\r\n");
  }
  EXPECT_LT(time_stop(server), 1s);
}

TEST(StopServer, IsQuickWithAClientThatDoesNotReadItsAnswer) {
  std::promise<void> written;
  auto handlers = plain_handlers();
  handlers.scrape = [&](const ScrapeRequest&, SampleSink& sink) -> Result<ScrapeOutcome> {
    FamilyHeader header;
    header.name = "kernel_events_total";
    header.help = std::string(24 << 20, 'x');  // more than any socket buffers
    FamilyStream(sink, header).add({}, uint64_t{1});
    written.set_value();
    return ScrapeOutcome::kComplete;
  };
  auto server = serve(std::move(handlers));
  const auto connection = connect_loopback(server->port());
  send_text(connection, "GET /metrics HTTP/1.1\r\n\r\n");
  written.get_future().wait();
  char first;
  ASSERT_EQ(recv(connection.get(), &first, 1, 0), 1);  // the answer is on its way
  EXPECT_LT(time_stop(server), 1s);
}

TEST(StopServer, FreesThePort) {
  auto server = serve(plain_handlers());
  const std::string address = "127.0.0.1:" + std::to_string(server->port());
  ASSERT_TRUE(http_get(server->port(), "/metrics"));
  server.reset();
  EXPECT_TRUE(HttpServer::start({.listen_address = address}, plain_handlers()));
}

TEST(StopServer, LetsAScrapeInFlightFinishAndReachItsClient) {
  std::promise<void> entered;
  std::promise<void> go_on;
  std::atomic<bool> finished = false;
  auto handlers = plain_handlers();
  handlers.scrape = [&, plain = handlers.scrape](const ScrapeRequest& request, SampleSink& sink) {
    entered.set_value();
    go_on.get_future().wait();
    finished = true;
    return plain(request, sink);
  };
  auto server = serve(std::move(handlers));
  auto reply = std::async(std::launch::async,
                          [port = server->port()] { return http_get(port, "/metrics"); });
  entered.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] {
    server.reset();
    return finished.load();
  });
  // The stop waits for as long as the scrape does.
  EXPECT_EQ(stopped.wait_for(300ms), std::future_status::timeout);
  go_on.set_value();
  EXPECT_TRUE(stopped.get());
  const auto answer = reply.get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, kPlainText);
}

}  // namespace
}  // namespace kernel_exporter

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "http/server.h"
#include "http_client.h"
#include "test_handlers.h"

namespace kernel_exporter {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kThreads = 8;
constexpr int kHalfOpen = 2 * kThreads;
constexpr auto kLongestDelay = 2s;

class HalfOpen : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started =
        HttpServer::start({.listen_address = "127.0.0.1:0", .threads = kThreads}, plain_handlers());
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }

  std::vector<UniqueFd> connect_many(std::string_view first_bytes) {
    std::vector<UniqueFd> connections;
    for (int i = 0; i < kHalfOpen; ++i) {
      connections.push_back(connect_loopback(server_->port()));
      EXPECT_TRUE(connections.back());
      EXPECT_TRUE(send_text(connections.back(), first_bytes));
    }
    return connections;
  }

  Clock::duration time_scrape() {
    const auto start = Clock::now();
    const auto reply = http_get(server_->port(), "/metrics");
    const auto took = Clock::now() - start;
    EXPECT_TRUE(reply && reply->status == 200);
    RecordProperty("scrape_ms", static_cast<int>(took / 1ms));
    std::printf("scrape took %d ms\n", static_cast<int>(took / 1ms));
    return took;
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HalfOpen, SilentConnectionsDoNotDelayAScrape) {
  const auto connections = connect_many("");
  EXPECT_LT(time_scrape(), kLongestDelay);
}

TEST_F(HalfOpen, UnfinishedRequestsDoNotDelayAScrape) {
  const auto connections = connect_many("GET /metrics HTTP/1.1\r\nHost: x\r\n");
  EXPECT_LT(time_scrape(), kLongestDelay);
}

TEST_F(HalfOpen, DribblingClientsDoNotDelayAScrape) {
  const auto connections = connect_many("GET /metrics HTTP/1.1\r\nX: ");
  std::mutex mutex;
  std::condition_variable_any wake;
  const std::jthread dribble([&](const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, stop, 200ms, [] { return false; }) && !stop.stop_requested()) {
      for (const auto& connection : connections) send_text(connection, "x");
    }
  });
  EXPECT_LT(time_scrape(), kLongestDelay);
}

TEST_F(HalfOpen, BodiesThatNeverComeDoNotDelayAScrape) {
  const auto connections =
      connect_many("POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_LT(time_scrape(), kLongestDelay);
}

TEST_F(HalfOpen, AbandonedConnectionsDoNotDelayAScrape) {
  connect_many("GET /met");
  EXPECT_LT(time_scrape(), kLongestDelay);
}

TEST_F(HalfOpen, NegativeControlAnUndisturbedScrapeIsFast) { EXPECT_LT(time_scrape(), 500ms); }

}  // namespace
}  // namespace kernel_exporter

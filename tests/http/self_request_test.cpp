// SPDX-License-Identifier: Apache-2.0
#include "http/self_request.h"

#include <gtest/gtest.h>

#include <atomic>

#include "http/server.h"
#include "test_handlers.h"

namespace kernel_exporter {
namespace {

using namespace std::chrono_literals;

std::string address_of(int port) { return "127.0.0.1:" + std::to_string(port); }

TEST(SelfRequest, IsAnsweredAgainAndAgainOnOneSocket) {
  auto server = HttpServer::start({.listen_address = "127.0.0.1:0"}, plain_handlers());
  ASSERT_TRUE(server) << server.error().message;
  auto self = SelfRequest::create("0.0.0.0:0", (*server)->port());
  ASSERT_TRUE(self) << self.error().message;
  for (int i = 0; i < 5; ++i) {
    const auto answered = self->ask(10s);
    EXPECT_TRUE(answered) << answered.error().message;
  }
}

TEST(SelfRequest, SaysWhatIsWrongAndGoesOnWhenItIsRightAgain) {
  std::atomic<bool> ready = false;
  HttpHandlers handlers = plain_handlers();
  handlers.healthy = [&] { return ready.load(); };
  auto server = HttpServer::start({.listen_address = "127.0.0.1:0"}, handlers);
  ASSERT_TRUE(server) << server.error().message;
  auto self = SelfRequest::create(address_of(0), (*server)->port());
  ASSERT_TRUE(self) << self.error().message;
  const auto refused = self->ask(10s);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("503"), std::string::npos) << refused.error().message;
  ready = true;
  EXPECT_TRUE(self->ask(10s));
}

TEST(SelfRequest, GivesUpOnAServerThatHangsOrIsGone) {
  std::atomic<bool> hanging = true;
  HttpHandlers handlers = plain_handlers();
  handlers.healthy = [&] {
    hanging.wait(true);
    return true;
  };
  auto server = HttpServer::start({.listen_address = "127.0.0.1:0"}, handlers);
  ASSERT_TRUE(server) << server.error().message;
  auto self = SelfRequest::create(address_of(0), (*server)->port());
  ASSERT_TRUE(self) << self.error().message;
  EXPECT_FALSE(self->ask(100ms));
  hanging = false;
  hanging.notify_all();
  EXPECT_TRUE(self->ask(10s));
  server->reset();
  EXPECT_FALSE(self->ask(10s));
}

}  // namespace
}  // namespace kernel_exporter
